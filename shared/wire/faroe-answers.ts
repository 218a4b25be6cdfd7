import { z } from "zod";
import { type AuthAction, type AuthValueTypes, authActions } from "./faroe.ts";

/** What the actions of the auth server answer, as schemas. */

const time = z.int().describe("Unix seconds.");
const lifetime = { created_at: time, expires_at: time };
const ofSession = { id: z.string(), user_id: z.string(), session_id: z.string() };
const token = z.string();

/** Every member that an answer's `values` may have. */
export const authValues = {
  signup: z.object({
    id: z.string(),
    email_address: z.string(),
    email_address_verified: z.boolean(),
    password_set: z.boolean(),
    ...lifetime,
  }),
  signup_token: token,
  signin: z.object({ id: z.string(), user_id: z.string(), user_first_factor_verified: z.boolean(), ...lifetime }),
  signin_token: token,
  session: z.object({
    id: z.string(),
    user_id: z.string(),
    created_at: time,
    expires_at: time.nullable().describe("Unix seconds; null when there is no end."),
  }),
  session_token: token,
  sessions: z.array(
    z.object({
      id: z.string(),
      created_at: time,
      last_active_at: time.describe("Unix seconds, to the minute."),
      user_agent: z.string().describe("What opened it called itself; may be empty."),
      current: z.boolean().describe("Whether it is the session that asks."),
    }),
  ),
  password_rules: z.object({ min_length: z.int(), max_length: z.int() }).describe("In code points."),
  user_email_address_update: z.object({
    ...ofSession,
    new_email_address: z.string(),
    new_email_address_verified: z.boolean(),
    user_identity_verified: z.boolean(),
    ...lifetime,
  }),
  user_email_address_update_token: token,
  user_password_update: z.object({
    ...ofSession,
    user_identity_verified: z.boolean(),
    new_password_set: z.boolean(),
    ...lifetime,
  }),
  user_password_update_token: token,
  user_deletion: z.object({ ...ofSession, user_identity_verified: z.boolean(), ...lifetime }),
  user_deletion_token: token,
  user_password_reset: z.object({
    id: z.string(),
    user_id: z.string(),
    user_first_factor_verified: z.boolean(),
    new_password_set: z.boolean(),
    ...lifetime,
  }),
  user_password_reset_token: token,
} satisfies { [Name in keyof AuthValueTypes]: z.ZodType<AuthValueTypes[Name]> };

const answered = { action_invocation_id: z.string().describe("By which the logs find it.") };

export function carriedOut<Values extends z.ZodType>(values: Values) {
  return z.object({ ok: z.literal(true), ...answered, values });
}

export function refusedWith<Code extends string>(codes: readonly Code[]) {
  return z.object({ ok: z.literal(false), ...answered, error_code: z.enum(codes) });
}

/** With status 200. */
export function answerOf(action: AuthAction) {
  const { values, errors } = authActions[action];
  const shown: Record<string, z.ZodType> = Object.fromEntries(values.map((name) => [name, authValues[name]]));
  return z.union([carriedOut(z.object(shown)), refusedWith([...errors, "internal_error"])]);
}
