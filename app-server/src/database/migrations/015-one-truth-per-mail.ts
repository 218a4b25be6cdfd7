import { type Kysely, sql } from "kysely";

/**
 * The row of a mail is its place in the queue too. Whoever writes what others have to do tells those who listen, whatever
 * version it is of; and each job of the upkeep has a row, by which one process does it at a time.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  // In the order in which versions at work write them, so that neither waits for the other.
  await sql`lock table registration_state, batch_items, owed_links, mails in access exclusive mode`.execute(db);
  await db.schema
    .alterTable("mails")
    // Versions before this one queue mails without it: nobody's code is to wait for that.
    .addColumn("priority", "smallint", (column) => column.notNull().defaultTo(10))
    .addColumn("interruptions", "smallint", (column) => column.notNull().defaultTo(0))
    .execute();
  await sql`update mails set priority = case
      when type in ('signup_verification', 'email_update_verification', 'password_reset') then 10
      when type in ('password_locked', 'password_updated', 'email_updated', 'notices_off') then 5
      when type in ('account_ready', 'registration_rejected', 'setup_link_used', 'reset_link_sent') then 3
      else 0 end
    where status in ('queued', 'deferred')`.execute(db);
  await sql`create index mails_due on mails (priority desc, coalesce(next_try_at, created_at), id)
    where status in ('queued', 'deferred') and claimed_by is null`.execute(db);
  await sql`create index mails_claimed on mails (claimed_by) where claimed_by is not null`.execute(db);
  await db.schema
    .createTable("jobs")
    .addColumn("name", "text", (column) => column.primaryKey())
    .addColumn("held_by", "text")
    .execute();
  await tellOfWork(db);
}

async function tellOfWork(db: Kysely<unknown>): Promise<void> {
  await sql`
    create function tell_of_work() returns trigger language plpgsql as $$
    begin
      perform pg_notify('anteroom_work', tg_argv[0]);
      return null;
    end $$`.execute(db);
  await sql`create trigger mails_queued after insert on mails
    for each statement execute function tell_of_work('mails')`.execute(db);
  // Deferred, due now, or sent once more: everybody reckons anew when to look.
  await sql`create trigger mails_put_off after update of next_try_at on mails
    for each row when (new.status in ('queued', 'deferred') and new.claimed_by is null
      and (old.status in ('failed', 'bounced') or new.next_try_at is distinct from old.next_try_at))
    execute function tell_of_work('mails')`.execute(db);
  await sql`create trigger openings after insert or update of opening_until on registration_state
    for each row when (new.opening_until is not null) execute function tell_of_work('openings')`.execute(db);
  await sql`create trigger batches_asked_for after insert on batch_items
    for each statement execute function tell_of_work('batches')`.execute(db);
  await sql`create trigger links_owed after insert on owed_links
    for each statement execute function tell_of_work('owed links')`.execute(db);
}
