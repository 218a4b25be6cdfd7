import { createKeptSecretTable } from "@anteroom/shared/runtime/kept-secret";
import type { Kysely } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await createKeptSecretTable(db);
}
