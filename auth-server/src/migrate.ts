import { waitForDatabase } from "@anteroom/shared/runtime/database/checks";
import { openDatabase } from "@anteroom/shared/runtime/database/database";
import { migrateToLatest } from "@anteroom/shared/runtime/database/migrations";
import { migrations } from "./store/migrations/all.ts";

/**
 * Brings the auth server's database up to date; safe for several instances at once. One connection: the lock that
 * keeps instances apart belongs to the connection that took it.
 */
export async function migrate(url: string): Promise<void> {
  const database = openDatabase<unknown>({ url, poolSize: 1, applicationName: "anteroom-auth-migrate" });
  try {
    await waitForDatabase(database.db, 30);
    await migrateToLatest(database.db, migrations);
  } finally {
    await database.close();
  }
}
