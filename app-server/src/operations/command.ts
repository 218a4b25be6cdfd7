import { normalizeEmailAddress } from "@anteroom/shared/wire/email-address";
import { z } from "zod";

export type CommandResult = Record<string, unknown>;

/** What `POST /command` on the private listener can do, by name. A result with `error` is answered as 400. */
export type Commands = Record<string, (args: Record<string, unknown>) => Promise<CommandResult>>;

/** Whoever is meant, however the address is written. */
export const addressArgument = z.string().transform(normalizeEmailAddress);

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
