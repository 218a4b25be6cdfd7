import { createGuessesTable } from "@anteroom/shared/runtime/guesses";
import type { Kysely } from "kysely";

/** Guesses in a row at mailed codes, whose waits grow. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createGuessesTable(db);
}
