import { waitForDatabase } from "@anteroom/shared/runtime/database/checks";
import { openDatabase } from "@anteroom/shared/runtime/database/database";
import { migrateToLatest } from "@anteroom/shared/runtime/database/migrations";
import { migrations } from "./database/migrations/all.ts";

/** Brings the app server's database up to date; safe for several instances at once. */
export async function migrate(url: string): Promise<void> {
  const database = openDatabase<unknown>({ url, poolSize: 1, applicationName: "anteroom-app-migrate" });
  try {
    await waitForDatabase(database.db, 30);
    await migrateToLatest(database.db, migrations);
  } finally {
    await database.close();
  }
}
