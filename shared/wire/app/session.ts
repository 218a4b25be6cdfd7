import { z } from "zod";
import { type AuthAction, type FaroeAction, faroeActions } from "../faroe.ts";
import { authValues, carriedOut } from "../faroe-answers.ts";
import { done, time } from "./answers.ts";
import type { Contracts } from "./contract.ts";
import { opaqueField } from "./fields.ts";

/** Who is signed in, and the auth server's actions for pages. */

export const sessionUser = z
  .object({
    user_id: z.string(),
    email: z.string(),
    firstname: z.string(),
    lastname: z.string(),
    permissions: z.array(z.string()),
  })
  .meta({ id: "SessionUser" });

const sessionInfo = z.object({
  user: sessionUser,
  created_at: time,
  expires_at: time.nullable().describe("Unix seconds; null when sessions have no absolute end."),
});

export type SessionInfo = z.output<typeof sessionInfo>;

/**
 * Approval comes before a sign-up, and siblings are the app server's own business. Changes of address and the end of other
 * sessions have routes of their own, which ask for the password first; so has whatever else asks for it.
 */
const withheld: readonly string[] = [
  "create_signup",
  "create_user_email_address_update",
  "delete_all_sessions",
] satisfies FaroeAction[];

/** Of what the auth server keeps for its private listener only what is named here. */
export const relayedActions = [
  ...(Object.keys(faroeActions) as FaroeAction[]).filter((action) => !withheld.includes(action)),
  "list_sessions",
] satisfies AuthAction[];

const { session_token: _, ...shown } = authValues;

/** As the auth server answers, but for the session's token; its own `/openapi.json` tells the values of each action. */
const relayed = z.union([
  carriedOut(z.object(shown).partial()),
  z.object({ ok: z.literal(false), action_invocation_id: z.string(), error_code: z.string() }),
]);

export const sessionContracts = {
  "POST /auth/actions": {
    summary: "An action of the auth server, with the session taken from the cookie and put into it.",
    body: z.object({
      action: z.string().meta({ enum: relayedActions }),
      arguments: z.record(z.string(), z.unknown()).meta({ additionalProperties: { type: "string" } }),
    }),
    answer: relayed,
    errors: ["cookie_not_kept", "invalid_request/action"],
  },
  "GET /auth/session_info/": {
    summary: "Who is signed in.",
    answer: z.union([sessionInfo, z.object({ error: z.literal("no_session") })]),
    otherwise: { 401: z.object({ error: z.literal("invalid_session") }) },
  },
  "POST /cookies/set_session/": {
    summary: "Keep a session of the auth server in an HttpOnly cookie. A session that was there before ends.",
    body: z.object({ session_token: opaqueField }),
    answer: done,
    errors: ["cookie_not_kept", "invalid_session"],
  },
  "POST /cookies/clear_session/": {
    summary: "Sign out: ends the session on the auth server and clears the cookie.",
    answer: done,
  },
} as const satisfies Contracts;
