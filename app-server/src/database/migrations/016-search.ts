import { type Kysely, sql } from "kysely";

/**
 * Names and addresses are found whatever accents they are written with: beside them stands their form for searching, which
 * the database itself makes, so that it is there for old rows and for those that the version before still writes.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createSearchForm(db);
  const { rows } = await sql`select from pg_extension where extname = 'pg_trgm'`.execute(db);
  for (const table of ["newusers", "users"]) {
    await sql`drop index if exists ${sql.id(`${table}_search`)}`.execute(db);
    await sql`alter table ${sql.table(table)} add column searched text not null
      generated always as (search_form(email || ' ' || firstname || ' ' || lastname)) stored`.execute(db);
    if (rows.length > 0)
      await sql`create index ${sql.id(`${table}_searched`)} on ${sql.table(table)} using gin (searched gin_trgm_ops)`.execute(
        db,
      );
  }
}

/**
 * Lower case without accents, and the letters that are more than one with an accent as people type them who have no such key.
 * Only Unicode has such forms; in a database of another encoding case alone does not matter.
 */
async function createSearchForm(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ isUnicode: boolean }>`select getdatabaseencoding() = 'UTF8' as "isUnicode"`.execute(db);
  const bare = sql`lower(regexp_replace(normalize($1, nfkd), '[\\u0300-\\u036f]', '', 'g') collate pg_c_utf8)`;
  const form = rows[0]?.isUnicode
    ? sql`translate(replace(replace(replace(replace(${bare}, 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'),
        'øłđðħŧı', 'olddhti')`
    : sql`lower($1)`;
  await sql`create function search_form(text) returns text language sql immutable strict parallel safe return ${form}`.execute(
    db,
  );
}
