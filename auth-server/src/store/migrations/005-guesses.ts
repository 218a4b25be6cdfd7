import { createGuessesTable } from "@anteroom/shared/runtime/guesses";
import { type Kysely, sql } from "kysely";

/**
 * Guesses in a row, per caller and device too, in place of password_tries. That table stays, empty of meaning, for servers of
 * the version before that still run beside this one.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createGuessesTable(db);
  // Which of the resets of one second was the last.
  await sql`alter table user_changes add column number bigint generated always as identity`.execute(db);
  await sql`create index user_changes_resets on user_changes (shown_user_id) where kind = 'password_reset'`.execute(db);
  await sql`insert into guesses (kind, subject, who, tries, last_at, forget_at)
    select 'password', user_id, '', tries, last_at, last_at + 30 * 86400 from password_tries`.execute(db);
}
