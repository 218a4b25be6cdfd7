import type { AdjustableClock } from "@anteroom/shared/runtime/clock";
import { z } from "zod";
import { grantAdmin } from "./admins/rules.ts";
import { createSetupLink } from "./admins/setup.ts";
import { findAdministrator } from "./admins/store.ts";
import type { AppContext } from "./context.ts";
import { liveStates } from "./database.ts";
import type { Problem } from "./problems.ts";
import * as decisions from "./registration/decisions.ts";
import { listRegistrations } from "./registration/store.ts";
import { testCommands } from "./test-commands.ts";

export type CommandResult = Record<string, unknown>;

/** What `POST /command` on the private listener can do, by name. A result with `error` is answered as 400. */
export type Commands = Record<string, (args: Record<string, unknown>) => Promise<CommandResult>>;

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
      return { url: await createSetupLink(context) };
    }),
    list: command(z.object({}), async () => ({
      registrations: await listRegistrations(context.db, [...liveStates, "REJECTED"], 10_000),
    })),
    accept: command(z.object({ email: z.string() }), async ({ email }) => {
      const result = await decisions.acceptRegistration(context, email, "cli");
      return result.ok ? { message: result.values.message } : failure(result.problem);
    }),
    reject: command(z.object({ email: z.string(), reason: z.string().default("") }), async ({ email, reason }) =>
      done(await decisions.rejectRegistration(context, { address: email, reason, actor: "cli" })),
    ),
    reopen: command(z.object({ email: z.string() }), async ({ email }) =>
      done(await decisions.reopenRegistration(context, email)),
    ),
    resend: command(z.object({ email: z.string() }), async ({ email }) =>
      done(await decisions.resendSignupEmail(context, email)),
    ),
    grant_admin: command(z.object({ email: z.string() }), async ({ email }) => {
      const refusal = await grantAdmin(context, email);
      return refusal ? failure(refusal) : { message: `${email} is an administrator now.` };
    }),
  };
}

/** A command whose arguments are checked before it runs. */
export function command<T>(
  schema: z.ZodType<T>,
  run: (args: T) => Promise<CommandResult>,
): (args: Record<string, unknown>) => Promise<CommandResult> {
  return async (args) => {
    const parsed = schema.safeParse(args);
    if (parsed.success) return run(parsed.data);
    return { error: parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ") };
  };
}

function done(result: decisions.Decision<{ message: string }>): CommandResult {
  return result.ok ? result.values : failure(result.problem);
}

function failure(reason: Problem): CommandResult {
  return { error: reason.detail, code: reason.code, ...reason.members };
}
