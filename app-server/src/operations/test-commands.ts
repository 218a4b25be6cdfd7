import type { AdjustableClock } from "@anteroom/shared/runtime/clock";
import { deriveKey, hmacSha256, randomId } from "@anteroom/shared/runtime/crypto";
import { isEmailType } from "@anteroom/shared/wire/email";
import { type EmailAddress, normalizeEmailAddress } from "@anteroom/shared/wire/email-address";
import { sql } from "kysely";
import { z } from "zod";
import { listOwedLinks } from "../accounts/link-store.ts";
import { findAdministrator } from "../accounts/permission-store.ts";
import { emptyDecisions } from "../audit/log-store.ts";
import type { AppContext } from "../context.ts";
import { takeCode } from "../mail/code-store.ts";
import { makeDue } from "../mail/store.ts";
import { renewOpening } from "../registration/opening.ts";
import { preapprove } from "../registration/preapproval.ts";
import { tellOfAllWork } from "../work.ts";
import { addressArgument, type Commands, command } from "./command.ts";
import { purge } from "./purge.ts";

/** Commands that exist under TEST_MODE only. */
export function testCommands(context: AppContext, clock: AdjustableClock): Commands {
  return {
    reset: command(z.object({}), async () => {
      await sql`truncate newusers, registration_state, tokens, users, permissions, setup_links, rate_limits, guesses,
        mails, inbound_mails, mail_suppressions, mail_preferences, account_links, owed_links, approvers_told`.execute(
        context.db,
      );
      await context.db.deleteFrom("batches").execute();
      await emptyDecisions(context.db);
      return { success: true, message: "Storage cleared" };
    }),
    set_clock: command(z.object({ now: z.int(), purge: cleaning }), async ({ now, purge: cleans }) => {
      clock.set(now);
      if (cleans) await catchUp(context);
      return { success: true, now };
    }),
    advance_clock: command(z.object({ seconds: z.int(), purge: cleaning }), async ({ seconds, purge: cleans }) => {
      clock.advance(seconds);
      if (cleans) await catchUp(context);
      return { success: true, now: clock.now() };
    }),
    release_clock: command(z.object({}), async () => {
      clock.release();
      await tellOfAllWork(context.db);
      return { success: true, now: clock.now() };
    }),
    prepare_user: command(
      z.object({ email: addressArgument, names: z.array(z.string()).default([]) }),
      async ({ email, names: [firstname = "", lastname = ""] }) => {
        const id = await prepareRegistration(context, { email, firstname, lastname }, []);
        return id === undefined ? { error: `${email} is in use.` } : { success: true };
      },
    ),
    get_admin_credentials: command(z.object({}), () => getAdminCredentials(context)),
    get_token: command(z.object({ action: z.string(), email: addressArgument }), async ({ action, email }) => {
      if (!isEmailType(action)) return { error: `Unknown action: ${action}` };
      const code = await takeCode(context.db, action, email);
      return code === undefined ? { found: false } : { found: true, code };
    }),
    drain_mail: command(z.object({}), async () => {
      await waitForOwedLinks(context);
      await context.mail.drain();
      return { success: true };
    }),
  };
}

/** False leaves what has expired where it is: then it is the rules alone that refuse it. */
const cleaning = z.boolean().default(true);

/** What would have happened by itself in the time that a test has skipped. */
async function catchUp(context: AppContext): Promise<void> {
  await purge(context);
  // Workers of other processes have clocks of their own.
  await makeDue(context.db, context.clock.now());
  await tellOfAllWork(context.db);
}

/** Links are sent as soon as they are owed, if they can be. */
async function waitForOwedLinks({ db }: AppContext): Promise<void> {
  const giveUpAt = Date.now() + 3_000;
  while ((await listOwedLinks(db, 1)).length > 0 && Date.now() < giveUpAt)
    await new Promise((resolve) => setTimeout(resolve, 20));
}

/** An approved registration without a sign-up: whoever opens one for the address may complete it. */
async function prepareRegistration(
  context: AppContext,
  person: { email: EmailAddress; firstname: string; lastname: string },
  grants: string[],
): Promise<string | undefined> {
  return context.db
    .transaction()
    .execute((trx) => preapprove(context, trx, person, { grants, by: "test", opening: "on request" }));
}

const testAdminDomain = "admin.test.invalid";

/** A test administrator, made through the same sign-up as everybody. The password follows from address and secret. */
async function getAdminCredentials(context: AppContext): Promise<{ email: string; password: string }> {
  const existing = await findAdministrator(context.db, `%@${testAdminDomain}`);
  const email = normalizeEmailAddress(existing?.email ?? `${randomId()}@${testAdminDomain}`);
  const key = deriveKey(context.settings.secret, "test-administrator");
  const password = hmacSha256(key, email).toString("base64url");
  if (!existing) await signUpAdministrator(context, email, password);
  return { email, password };
}

async function signUpAdministrator(context: AppContext, email: EmailAddress, password: string): Promise<void> {
  const person = { email, firstname: "Test", lastname: "Administrator" };
  const registrationId = await prepareRegistration(context, person, ["admin"]);
  if (registrationId === undefined) throw new Error(`${email} is in use.`);
  const opened = await renewOpening(context, registrationId);
  const code = await takeCode(context.db, "signup_verification", email);
  if (opened.outcome !== "opened" || code === undefined) throw new Error("The test administrator got no code.");
  const signup_token = opened.signupToken;
  const steps = [
    ["verify_signup_email_address_verification_code", { signup_token, email_address_verification_code: code }],
    ["set_signup_password", { signup_token, password }],
    ["complete_signup", { signup_token }],
  ] as const;
  for (const [action, args] of steps) {
    const result = await context.authServer.step(action, args);
    if (!result.ok) throw new Error(`The test administrator could not be made: ${action}: ${result.error}.`);
  }
}
