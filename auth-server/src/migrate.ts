import { migrateToLatest, openDatabase, waitForDatabase } from "@anteroom/shared/runtime/database";
import { type Kysely, sql } from "kysely";
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

/** Whether the database has every migration that this version knows. */
export async function isMigrated<T>(db: Kysely<T>): Promise<boolean> {
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
  const done = new Set(rows.map(({ name }) => name));
  return Object.keys(migrations).every((name) => done.has(name));
}
