import type { AdjustableClock } from "@anteroom/shared/runtime/clock";
import { z } from "zod";
import type { AuthContext } from "./context.ts";
import { deleteEverything } from "./store/maintenance.ts";
import { deleteSessionsOfUser } from "./store/sessions.ts";

const seconds = z.int();

const commandSchema = z.discriminatedUnion("command", [
  z.object({ command: z.literal("revoke_user_sessions"), user_id: z.string().min(1) }),
]);

const testCommandSchema = z.discriminatedUnion("command", [
  z.object({ command: z.literal("reset") }),
  z.object({ command: z.literal("set_clock"), now: seconds.min(0) }),
  z.object({ command: z.literal("advance_clock"), seconds }),
  z.object({ command: z.literal("release_clock") }),
]);

type Command = z.infer<typeof commandSchema>;
type TestCommand = z.infer<typeof testCommandSchema>;

/** Carries out `POST /command`. False when there is no such command or its arguments are not as they should be. */
export async function runCommand(context: AuthContext, clock: AdjustableClock, body: unknown): Promise<boolean> {
  const command = commandSchema.safeParse(body);
  if (command.success) return run(context, command.data);
  const testCommand = context.settings.testMode ? testCommandSchema.safeParse(body) : undefined;
  return testCommand?.success ? runTest(context, clock, testCommand.data) : false;
}

/** Rows first: a session looked at in between would bring the user back into the cache, but finds no row any more. */
async function run(context: AuthContext, command: Command): Promise<true> {
  await deleteSessionsOfUser(context.db, command.user_id);
  context.userCache.forget(command.user_id);
  context.log.info({ user: command.user_id }, "the user's sessions were revoked");
  return true;
}

async function runTest(context: AuthContext, clock: AdjustableClock, command: TestCommand): Promise<true> {
  if (command.command === "reset") {
    await deleteEverything(context.db);
    context.userCache.clear();
  } else if (command.command === "set_clock") clock.set(command.now);
  else if (command.command === "advance_clock") clock.advance(command.seconds);
  else clock.release();
  return true;
}
