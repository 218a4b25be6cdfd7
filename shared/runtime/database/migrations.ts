import { type Kysely, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import { isDeadlock } from "./errors.ts";

/**
 * Runs the numbered migrations that are still missing; safe for several instances at once. Those of a newer version,
 * which has been here before, are left alone: every migration keeps the version before it working (docs/operations.md).
 */
export async function migrateToLatest<T>(db: Kysely<T>, migrations: Record<string, Migration>): Promise<void> {
  const newer = (await listMigrated(db)).filter((name) => !Object.hasOwn(migrations, name));
  const all = { ...migrations, ...Object.fromEntries(newer.map((name) => [name, ofAnotherVersion])) };
  const provider = { getMigrations: async () => all };
  const migrator = new Migrator({ db, provider, allowUnorderedMigrations: true });
  let { error } = await migrator.migrateToLatest();
  // A version at work may hold what a migration waits for, and wait for what it holds: nothing of it stands then.
  for (let more = 3; more > 0 && isDeadlock(error); more--) ({ error } = await migrator.migrateToLatest());
  if (error) throw new Error("The database could not be migrated.", { cause: error });
}

const ofAnotherVersion: Migration = { up: async () => undefined };

/** The names of the migrations that have run; none in a new database. */
async function listMigrated<T>(db: Kysely<T>): Promise<string[]> {
  const { rows: found } = await sql<{ table: string | null }>`select to_regclass('kysely_migration') as table`.execute(
    db,
  );
  if (!found[0]?.table) return [];
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
  return rows.map(({ name }) => name);
}

/** Whether the database has every migration that this version knows; it may have more. */
export async function isMigrated<T>(db: Kysely<T>, migrations: Record<string, Migration>): Promise<boolean> {
  const done = new Set(await listMigrated(db));
  return Object.keys(migrations).every((name) => done.has(name));
}
