import type { AdjustableClock } from "@anteroom/shared/runtime/clock";
import type { Reason } from "@anteroom/shared/wire/app/errors";
import { mailStatuses } from "@anteroom/shared/wire/app/mail";
import { z } from "zod";
import { findAdministrator } from "../accounts/permission-store.ts";
import * as mail from "../administration/mails.ts";
import { createSetupLink, grantAdmin } from "../administration/setup.ts";
import type { AppContext } from "../context.ts";
import { describeRefusal } from "../http/errors.ts";
import { listMails } from "../mail/admin-store.ts";
import type { Refusal } from "../outcome.ts";
import * as decisions from "../registration/decisions.ts";
import { listedStates } from "../registration/states.ts";
import { listRegistrations } from "../registration/store/queue.ts";
import { addressArgument, type CommandResult, type Commands, command } from "./command.ts";
import { testCommands } from "./test-commands.ts";

export function createCommands(context: AppContext, clock: AdjustableClock): Commands {
  return {
    ...operatorCommands(context),
    ...(context.settings.testMode ? testCommands(context, clock) : {}),
  };
}

/** Behind `npm run admin`. */
function operatorCommands(context: AppContext): Commands {
  return {
    create_setup_link: command(z.object({ only_if_needed: z.boolean().default(false) }), async ({ only_if_needed }) => {
      if (only_if_needed && (await findAdministrator(context.db))) return { url: null };
      return { url: await createSetupLink(context, only_if_needed ? "first" : "another") };
    }),
    list: command(z.object({}), async () => ({
      registrations: await listRegistrations(context.db, listedStates, 10_000),
    })),
    accept: command(z.object({ email: addressArgument }), async ({ email }) => {
      const result = await decisions.acceptRegistration(context, email, "cli");
      return result.ok ? { message: result.values.message } : failure(result.refusal);
    }),
    reject: command(z.object({ email: addressArgument, reason: z.string().default("") }), async ({ email, reason }) =>
      done(await decisions.rejectRegistration(context, { email, reason, actor: "cli" })),
    ),
    reopen: command(z.object({ email: addressArgument }), async ({ email }) =>
      done(await decisions.reopenRegistration(context, email, "cli")),
    ),
    resend: command(z.object({ email: addressArgument }), async ({ email }) =>
      done(await decisions.resendSignupEmail(context, email, "cli")),
    ),
    ...mailCommands(context),
    grant_admin: command(z.object({ email: addressArgument }), async ({ email }) => {
      const refusal = await grantAdmin(context, email);
      return refusal ? failure(refusal) : { message: `${email} is an administrator now.` };
    }),
  };
}

function mailCommands(context: AppContext): Commands {
  return {
    list_mails: command(
      z.object({ email: addressArgument.optional(), status: z.enum(mailStatuses).optional() }),
      async ({ email, status }) => ({
        mails: await listMails(
          context.db,
          { statuses: status ? [status] : mailStatuses, email },
          { after: undefined, limit: 1_000 },
        ),
      }),
    ),
    replay_mail: command(z.object({ id: z.string() }), async ({ id }) =>
      done(await mail.replayMail(context, id, "cli")),
    ),
    replay_all_mail: command(z.object({}), async () => ({
      message: describeReplayed(await mail.replayAll(context, "cli")),
    })),
    retry_mail: command(z.object({}), async () => ({
      message: `${await mail.retryDeferred(context)} deferred mails are tried now.`,
    })),
    clear_address: command(z.object({ email: addressArgument }), async ({ email }) =>
      done(await mail.clearAddress(context, email, "cli")),
    ),
    test_mail: command(z.object({ email: z.string() }), async ({ email }) => {
      // What it is made of is loaded when there is a mail to send, here as elsewhere.
      const { testMail } = await import("../mail/send/test-mail.ts");
      return { ...(await testMail(context.settings, email)) };
    }),
  };
}

function describeReplayed({ queued, refused }: mail.Replayed): string {
  const left = Object.entries(refused).map(([code, count]) => ` ${count} not: ${code}.`);
  return `${queued} mails are queued again.${left.join("")}`;
}

function done(result: decisions.Decided<Reason>): CommandResult {
  return result.ok ? result.values : failure(result.refusal);
}

function failure(refusal: Refusal): CommandResult {
  const { detail: _, ...said } = describeRefusal(refusal);
  return said;
}
