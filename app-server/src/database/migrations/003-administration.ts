import { type Kysely, sql } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await createDecisions(db);
  await createBatches(db);
  await db.schema
    .createIndex("registration_state_listed")
    .on("registration_state")
    .columns(["state", "created_at", "id"])
    .execute();
  await db.schema.createIndex("users_created_at").on("users").columns(["created_at", "id"]).execute();
  for (const table of ["newusers", "users"])
    await db.schema
      .createIndex(`${table}_name`)
      .on(table)
      .expression(sql`lower(firstname || ' ' || lastname)`)
      .execute();
  await createSearchIndexes(db);
}

/** The log is only added to: the database itself refuses everything else, whatever the programs above it do. */
async function createDecisions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("decisions")
    .addColumn("id", "bigint", (column) => column.primaryKey().generatedAlwaysAsIdentity())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("actor", "text", (column) => column.notNull())
    .addColumn("actor_name", "text")
    .addColumn("action", "text", (column) => column.notNull())
    .addColumn("subject", "text", (column) => column.notNull())
    .addColumn("reason", "text")
    .addColumn("detail", "text")
    .addColumn("registration_id", "text")
    .addColumn("requested_at", "bigint")
    .execute();
  await db.schema.createIndex("decisions_subject").on("decisions").columns(["subject", "id"]).execute();
  await db.schema.createIndex("decisions_at").on("decisions").column("at").execute();
  await sql`
    create function keep_decisions() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' then
        if old.at < extract(epoch from now()) - 90 * 86400 then return old; end if;
      end if;
      raise exception 'The log of decisions is only added to.' using errcode = 'insufficient_privilege';
    end $$`.execute(db);
  await sql`
    create trigger decisions_kept before update or delete on decisions
    for each row execute function keep_decisions()`.execute(db);
  await sql`
    create trigger decisions_not_emptied before truncate on decisions
    for each statement execute function keep_decisions()`.execute(db);
}

async function createBatches(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("batches")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("decision", "text", (column) => column.notNull().check(sql`decision in ('accept', 'reject')`))
    .addColumn("reason", "text")
    .addColumn("actor", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("finished_at", "bigint")
    .execute();
  await db.schema.createIndex("batches_created_at").on("batches").columns(["created_at", "id"]).execute();
  await db.schema
    .createTable("batch_items")
    .addColumn("batch_id", "text", (column) => column.notNull().references("batches.id").onDelete("cascade"))
    .addColumn("position", "integer", (column) => column.notNull())
    .addColumn("email", "text", (column) => column.notNull())
    .addColumn("state", "text", (column) =>
      column.notNull().defaultTo("waiting").check(sql`state in ('waiting', 'done', 'failed')`),
    )
    .addColumn("error", "text")
    .addColumn("decided_by_name", "text")
    .addColumn("decided_at", "bigint")
    .addColumn("attempts", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("due_at", "bigint", (column) => column.notNull())
    .addColumn("claimed_by", "text")
    .addPrimaryKeyConstraint("batch_items_pkey", ["batch_id", "position"])
    .execute();
  await db.schema
    .createIndex("batch_items_waiting")
    .on("batch_items")
    .columns(["due_at", "batch_id", "position"])
    .where(sql<boolean>`state = 'waiting'`)
    .execute();
}

/** Parts of names and addresses are found by their trigrams, where the database has them; without, by looking at all. */
async function createSearchIndexes(db: Kysely<unknown>): Promise<void> {
  await sql`
    do $$ begin
      create extension if not exists pg_trgm;
    exception when others then
      raise notice 'pg_trgm is not available: searching looks at every row (%)', sqlerrm;
    end $$`.execute(db);
  const { rows } = await sql`select from pg_extension where extname = 'pg_trgm'`.execute(db);
  if (rows.length === 0) return;
  for (const table of ["newusers", "users"])
    await sql`
      create index ${sql.id(`${table}_search`)} on ${sql.table(table)}
      using gin (lower(email || ' ' || firstname || ' ' || lastname) gin_trgm_ops)`.execute(db);
  await sql`
    create index decisions_search on decisions
    using gin (lower(subject || ' ' || coalesce(actor_name, actor)) gin_trgm_ops)`.execute(db);
}
