import { type Kysely, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import { isDeadlock, isLockTimeout } from "./errors.ts";

/**
 * Runs the numbered migrations that are still missing; safe for several instances at once. Those of a newer version,
 * which has been here before, are left alone: every migration keeps the version before it working (docs/operations.md).
 */
export async function migrateToLatest<T>(db: Kysely<T>, migrations: Record<string, Migration>): Promise<void> {
  const newer = (await listMigrated(db)).filter((name) => !Object.hasOwn(migrations, name));
  const ours = Object.entries(migrations).map(([name, { up }]) => [name, { up: inItsOwnTime(up) }]);
  const all: Record<string, Migration> = {
    ...Object.fromEntries(ours),
    ...Object.fromEntries(newer.map((name) => [name, ofAnotherVersion])),
  };
  const provider = { getMigrations: async () => all };
  const migrator = new Migrator({ db, provider, allowUnorderedMigrations: true });
  let { error } = await migrator.migrateToLatest();
  // A version at work may hold what a migration waits for, and wait for what it holds: nothing of it stands then.
  for (let more = 3; more > 0 && (isDeadlock(error) || isLockTimeout(error)); more--)
    ({ error } = await migrator.migrateToLatest());
  if (error) throw new Error("The database could not be migrated.", { cause: error });
}

/**
 * Large tables take longer than any statement of a request may. A lock is waited for shortly, since whoever comes behind waits
 * as well, and then the whole is tried once more.
 */
function inItsOwnTime(up: Migration["up"]): Migration["up"] {
  return async (db) => {
    await sql`set local statement_timeout = 0`.execute(db);
    await sql`set local lock_timeout = '10s'`.execute(db);
    await up(db);
  };
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
