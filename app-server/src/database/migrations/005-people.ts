import { type Kysely, sql } from "kysely";

/** What is kept of somebody belongs to their account, or to the registration it came from, and not to an address. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("users").addColumn("registration_id", "text").execute();
  await db.schema.alterTable("mails").addColumn("user_id", "text").execute();
  await db.schema.alterTable("decisions").addColumn("user_id", "text").execute();
  await giveToTheirPeople(db);
  await db.schema.createIndex("mails_user_id").on("mails").columns(["user_id", "created_at"]).execute();
  await db.schema.createIndex("decisions_user_id").on("decisions").column("user_id").execute();
  await db.schema.createIndex("decisions_registration_id").on("decisions").column("registration_id").execute();
  await db.schema
    .createIndex("registration_state_decoys")
    .on("registration_state")
    .columns(["email", "created_at", "id"])
    .where(sql<boolean>`state = 'DECOY'`)
    .execute();
  await db.schema
    .alterTable("setup_links")
    .addColumn("only_first", "boolean", (column) => column.notNull().defaultTo(false))
    .execute();
}

/**
 * By the address, where that is certain: of accounts that have had no other one, since they were made. What is older, or
 * of an address that was somebody else's before, stays nobody's.
 */
async function giveToTheirPeople(db: Kysely<unknown>): Promise<void> {
  await sql`
    update users set registration_id = coalesce(
      (select registration_id from mails
        where mails.email_norm = users.email_norm and type = 'signup_verification' and mails.created_at <= users.created_at
          and registration_id is not null
        order by mails.created_at desc, mails.id desc limit 1),
      (select registration_id from decisions
        where subject = users.email_norm and action = 'accept' and at <= users.created_at
        order by decisions.id desc limit 1))
    where email_address_counter = 0`.execute(db);
  await sql`
    update mails set user_id = users.id from users
    where mails.email_norm = users.email_norm and email_address_counter = 0 and mails.created_at >= users.created_at
      and mails.registration_id is null`.execute(db);
  // The log is only added to; here nothing of what it says is changed.
  await sql`alter table decisions disable trigger decisions_kept`.execute(db);
  await sql`
    update decisions set user_id = users.id from users
    where subject = users.email_norm and email_address_counter = 0 and at >= users.created_at
      and decisions.registration_id is null`.execute(db);
  await sql`alter table decisions enable trigger decisions_kept`.execute(db);
}
