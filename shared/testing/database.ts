import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { inject } from "vitest";

/** A database of a test file's own. `drop` also cuts connections that are still open. */
export type TestDatabase = { url: string; drop: () => Promise<void> };

/**
 * A new database with `migrate` applied, as a copy of a template that is migrated once per run (about 20 ms a copy).
 * `name` says whose tables it holds, and so which template is meant.
 */
export async function createTestDatabase(
  name: "auth" | "app" | "example",
  migrate: (url: string) => Promise<void>,
): Promise<TestDatabase> {
  const template = `template_${name}`;
  const database = `${name}_${randomBytes(8).toString("hex")}`;
  await withAdministrator(async (sql) => {
    await ensureTemplate(sql, template, migrate);
    await sql.unsafe(`CREATE DATABASE ${database} TEMPLATE ${template} STRATEGY wal_log`);
  });
  return { url: urlOf(database), drop: () => dropDatabase(database) };
}

async function dropDatabase(database: string): Promise<void> {
  await withAdministrator((sql) => sql.unsafe(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`));
}

/**
 * Test files run side by side in several processes; the lock lets one make the template while the others wait.
 * It is made under another name first: a template that exists is a template that is migrated.
 */
async function ensureTemplate(
  sql: postgres.Sql,
  template: string,
  migrate: (url: string) => Promise<void>,
): Promise<void> {
  await sql`SELECT pg_advisory_lock(hashtext(${template}))`;
  try {
    const [found] = await sql`SELECT 1 FROM pg_database WHERE datname = ${template}`;
    if (found !== undefined) {
      return;
    }
    const unfinished = `unfinished_${template}`;
    await sql.unsafe(`DROP DATABASE IF EXISTS ${unfinished} WITH (FORCE)`);
    await sql.unsafe(`CREATE DATABASE ${unfinished}`);
    await migrate(urlOf(unfinished));
    await sql.unsafe(`ALTER DATABASE ${unfinished} RENAME TO ${template}`);
  } finally {
    await sql`SELECT pg_advisory_unlock(hashtext(${template}))`;
  }
}

/** Cuts a database off, or makes it read-only, for all who use it; `restore` makes it as it was. */
export async function disturbDatabase(
  { url }: Pick<TestDatabase, "url">,
  how: "away" | "read-only",
): Promise<{ restore: () => Promise<void> }> {
  const database = new URL(url).pathname.slice(1);
  const change = async (...statements: string[]) => {
    await withAdministrator(async (sql) => {
      for (const statement of statements) await sql.unsafe(`ALTER DATABASE ${database} ${statement}`);
      await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${database}`;
    });
  };
  await change(how === "away" ? "ALLOW_CONNECTIONS false" : "SET default_transaction_read_only = on");
  return {
    restore: () => change(how === "away" ? "ALLOW_CONNECTIONS true" : "RESET default_transaction_read_only"),
  };
}

async function withAdministrator(work: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(inject("postgresUrl"), { max: 1, onnotice: () => undefined });
  try {
    await work(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function urlOf(database: string): string {
  const url = new URL(inject("postgresUrl"));
  url.pathname = `/${database}`;
  return url.href;
}
