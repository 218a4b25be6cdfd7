import type { DecisionAction, LoggedDecision } from "@anteroom/shared/wire/app/oversight";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import { type Kysely, type RawBuilder, sql, type Transaction } from "kysely";
import { isAbout, type Person } from "../database/fragments.ts";
import type { AppDatabase } from "../database/tables.ts";

/** The log of decisions. Its entries are written in the transaction, or the statement, of what they record. */

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

export interface NewDecision {
  /** A user id, or the name of a program that decides (shared/wire/app/actors.ts). */
  actor: string;
  action: DecisionAction;
  /** The address of whom it is about. */
  subject: EmailAddress;
  /** Whose account, or else whose registration, it is about: they see it in their export, and nobody else. */
  userId?: string | null;
  registrationId?: string | null;
  reason?: string | null;
  detail?: string;
  now: number;
}

/** A person's name, or the address of one who gave none. Null for those who are no person. */
export const nameOfUser = (userId: RawBuilder<unknown>) =>
  sql<string | null>`(select coalesce(nullif(trim(person.firstname || ' ' || person.lastname), ''), person.email)
    from users person where person.id = ${userId})`;

export async function logDecision(db: Transaction<AppDatabase>, decision: NewDecision): Promise<void> {
  const { now, userId = null, registrationId = null, ...columns } = decision;
  await db
    .insertInto("decisions")
    .values({
      ...columns,
      user_id: userId,
      registration_id: registrationId,
      at: now,
      actor_name: nameOfUser(sql`${decision.actor}`),
    })
    .execute();
}

/**
 * For a statement that decides about registrations: notes its decisions in the log. `source` is the part of the
 * statement that returns the rows decided about, with the columns of `decidedColumns`.
 */
export const noteDecision = (action: "accept" | "reject", source: string, condition = sql<boolean>`true`) =>
  sql<
    Record<string, never>
  >`(insert into decisions (at, actor, actor_name, action, subject, reason, registration_id, requested_at)
    select coalesce(decided_at, extract(epoch from now())::bigint), coalesce(decided_by, 'cli'), ${nameOfUser(sql`decided_by`)}, ${sql.lit(action)}, email, reason,
      id, created_at
    from ${sql.table(source)} where ${condition})`;

export const decidedColumns = ["id", "email", "decided_by", "decided_at", "reason", "created_at"] as const;

/** Whether somebody has decided this about an address since then. */
export async function hasDecided(
  db: Db,
  { actor, action, subject, since }: { actor: string; action: DecisionAction; subject: EmailAddress; since: number },
): Promise<boolean> {
  const row = await db
    .selectFrom("decisions")
    .select("id")
    .where("subject", "=", subject)
    .where("actor", "=", actor)
    .where("action", "=", action)
    .where("at", ">=", since)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Who approved an address last. */
export async function findAcceptance(db: Db, subject: EmailAddress) {
  return db
    .selectFrom("decisions")
    .select(["actor", "actor_name", "at"])
    .where("subject", "=", subject)
    .where("action", "=", "accept")
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
}

/** Newest first. `search` is a part of the subject or of who decided. */
export async function listDecisions(
  db: Db,
  { search, before, limit }: { search: string; before: number | undefined; limit: number },
): Promise<LoggedDecision[]> {
  let query = db
    .selectFrom("decisions")
    .select(["id", "at", "actor", "actor_name", "action", "subject", "reason", "detail"]);
  if (search) query = query.where(sql`lower(subject || ' ' || coalesce(actor_name, actor))`, "like", search);
  if (before !== undefined) query = query.where("id", "<", before);
  return query.orderBy("id", "desc").limit(limit).execute();
}

/** The database keeps what is younger than 90 days by its own clock, so that is not even tried. */
export async function purgeDecisions(db: Db, before: number): Promise<void> {
  await db
    .deleteFrom("decisions")
    .where("at", "<", before)
    .where(sql<boolean>`at < extract(epoch from now()) - 90 * 86400`)
    .execute();
}

/** For tests, as the owner of the table. Locks nothing else, so it can wait for nobody who waits for it. */
export async function emptyDecisions(db: Kysely<AppDatabase>): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`alter table decisions disable trigger decisions_not_emptied`.execute(trx);
    await sql`truncate decisions`.execute(trx);
    await sql`alter table decisions enable trigger decisions_not_emptied`.execute(trx);
  });
}

/** What administrators decided about somebody, as far as it concerns them: not who it was. */
export async function listDecisionsAbout(db: Db, person: Person) {
  return db.selectFrom("decisions").select(["at", "action", "reason"]).where(isAbout(person)).orderBy("id").execute();
}
