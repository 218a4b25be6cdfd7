import type { MailSummary } from "@anteroom/shared/wire/app/mail";
import { sql } from "kysely";

type Owner = "registration_id" | "user_id";

/**
 * A column of lists: what became of the newest mail of a registration, of a person, or of either. `whose` names the columns
 * of the list that hold their ids. Each index gives its newest, and the newest of those is taken.
 */
export function newestMail(whose: { [owner in Owner]?: string }) {
  const candidates = Object.entries(whose).map(
    ([owner, id]) =>
      sql`(select * from mails where mails.${sql.ref(owner)} = ${sql.ref(id)} order by created_at desc, id desc limit 1)`,
  );
  return sql<MailSummary | null>`(
    select json_build_object('type', type, 'status', status, 'reason', reason, 'at', updated_at, 'next_try_at', next_try_at)
    from (${sql.join(candidates, sql` union all `)}) newest order by created_at desc, id desc limit 1)`;
}
