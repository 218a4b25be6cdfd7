import { type Kysely, sql } from "kysely";

/**
 * Approval and verification are facts with times; `accepted` follows from the state, for versions that know nothing else.
 * An approval by such a version counts from its decision. The states of sign-ups that verify first have their place.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable("registration_state")
    .addColumn("approved_at", "bigint")
    .addColumn("verified_at", "bigint")
    .execute();
  await sql`update registration_state set approved_at = coalesce(decided_at, created_at)
    where state in ('ACCEPTED', 'OPEN')`.execute(db);
  await sql`
    create function registration_facts() returns trigger language plpgsql as $$
    begin
      if new.state in ('ACCEPTED', 'OPEN') and new.approved_at is null then
        new.approved_at := coalesce(new.decided_at, new.created_at);
      end if;
      new.accepted := new.state in ('ACCEPTED', 'OPEN');
      return new;
    end $$`.execute(db);
  await sql`create trigger registration_facts before insert or update on registration_state
    for each row execute function registration_facts()`.execute(db);
  await sql`alter table registration_state
    drop constraint registration_state_state_check,
    add constraint registration_state_state_check check (state in ('TRY', 'REQUESTED', 'DECOY', 'ACCEPTING', 'ACCEPTED',
      'OPEN', 'VERIFYING', 'AWAITING', 'REJECTED', 'WITHDRAWN', 'EXPIRED')),
    add constraint approved_states check (approved_at is null
      or state not in ('TRY', 'REQUESTED', 'DECOY', 'ACCEPTING', 'AWAITING', 'REJECTED')),
    add constraint verified_states check (verified_at is null or state in ('AWAITING', 'REJECTED', 'WITHDRAWN', 'EXPIRED')),
    add constraint awaiting_is_verified check (state <> 'AWAITING' or verified_at is not null)`.execute(db);
  await sql`drop index registration_state_live_email`.execute(db);
  await sql`create unique index registration_state_live_email on registration_state (email)
    where state in ('REQUESTED', 'ACCEPTING', 'ACCEPTED', 'OPEN', 'VERIFYING', 'AWAITING')`.execute(db);
}
