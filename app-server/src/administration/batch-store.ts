import type { AppErrorCode } from "@anteroom/shared/wire/app/errors";
import type { FailedBatchItem, ListedBatch } from "@anteroom/shared/wire/app/oversight";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import { type Kysely, type SelectQueryBuilder, sql, type Transaction } from "kysely";
import { nameOfUser } from "../audit/log-store.ts";
import { isFreeFor } from "../database/leases.ts";
import type { AppDatabase, BatchTable } from "../database/tables.ts";

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

export type NewBatch = Pick<BatchTable, "id" | "decision" | "reason" | "actor" | "created_at">;

/** Stores the batch and whom it is about: one statement, so it is there as a whole or not at all. */
export async function insertBatch(
  db: Db,
  batch: NewBatch,
  {
    emails,
    registrationId = null,
    dueAt,
  }: { emails: readonly EmailAddress[]; registrationId?: string | null; dueAt: number },
): Promise<void> {
  await db
    .with("batch", (with_) => with_.insertInto("batches").values(batch).returning("id"))
    .insertInto("batch_items")
    .columns(["batch_id", "position", "email", "registration_id", "due_at"])
    .expression(
      sql`select batch.id, item.position, item.email, ${registrationId}::text, ${dueAt}::bigint
        from batch, unnest(${emails}::text[]) with ordinality item (email, position)`,
    )
    .execute();
}

/** An approval by this person of this request that nobody has begun with, and how many seconds it is still held. */
export async function findHeld(
  trx: Transaction<AppDatabase>,
  { registrationId, actor, now }: { registrationId: string; actor: string; now: number },
): Promise<{ id: string; hold: number } | undefined> {
  // One press at a time: the second one finds what the first has stored.
  await sql`select pg_advisory_xact_lock(hashtextextended(${registrationId}, 0))`.execute(trx);
  return trx
    .selectFrom("batch_items")
    .innerJoin("batches", "batches.id", "batch_items.batch_id")
    .select(["batches.id", sql<number>`greatest(0, due_at - ${now}::bigint)`.as("hold")])
    .where("batch_items.registration_id", "=", registrationId)
    .where("batches.actor", "=", actor)
    .where(isWaiting)
    .where("attempts", "=", 0)
    .executeTakeFirst();
}

export interface ClaimedItem {
  batchId: string;
  position: number;
  email: EmailAddress;
  registrationId: string | null;
  /** This one included. */
  attempts: number;
  decision: BatchTable["decision"];
  reason: string | null;
  actor: string;
  askedAt: number;
}

/**
 * Takes the next items, and leaves out those that another living process works on. What this process has claimed before
 * is free: it takes items only when it is through with the last.
 */
export async function claimItems(
  db: Db,
  { processName, now, limit }: { processName: string; now: number; limit: number },
): Promise<ClaimedItem[]> {
  return db
    .with("next", (with_) =>
      with_
        .selectFrom("batch_items")
        .select(["batch_id", "position"])
        .where(isWaiting)
        .where("due_at", "<=", now)
        .where(isFreeFor(processName, "claimed_by"))
        .orderBy("due_at")
        .orderBy("batch_id")
        .orderBy("position")
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .updateTable("batch_items as item")
    .from("next")
    .innerJoin("batches as batch", "batch.id", "next.batch_id")
    .set({ claimed_by: processName, attempts: sql`attempts + 1` })
    .whereRef("item.batch_id", "=", "next.batch_id")
    .whereRef("item.position", "=", "next.position")
    .returning([
      "item.batch_id as batchId",
      "item.position",
      "item.email",
      "item.registration_id as registrationId",
      "item.attempts",
      "batch.decision",
      "batch.reason",
      "batch.actor",
      "batch.created_at as askedAt",
    ])
    .execute();
}

/** When the next item is due: 0 while another process has one, for it may end at any moment; null when none waits. */
export async function findNextDue(db: Db): Promise<number | null> {
  const { due } = await db
    .selectFrom("batch_items")
    .select(sql<number | null>`min(case when claimed_by is null then due_at else 0 end)`.as("due"))
    .where(isWaiting)
    .executeTakeFirstOrThrow();
  return due;
}

/** Spelled out so that PostgreSQL recognises the condition of the index. */
const isWaiting = sql<boolean>`batch_items.state = 'waiting'`;

export type ItemOutcome =
  | { state: "done" }
  | { state: "failed"; error: AppErrorCode; decidedByName: string | null; decidedAt: number | null }
  /** To be tried again then. */
  | { state: "waiting"; dueAt: number };

export async function settleItem(
  db: Db,
  { batchId, position }: Pick<ClaimedItem, "batchId" | "position">,
  outcome: ItemOutcome,
): Promise<void> {
  await db
    .updateTable("batch_items")
    .set({
      state: outcome.state,
      claimed_by: null,
      ...(outcome.state === "waiting" ? { due_at: outcome.dueAt } : {}),
      ...(outcome.state === "failed"
        ? { error: outcome.error, decided_by_name: outcome.decidedByName, decided_at: outcome.decidedAt }
        : {}),
    })
    .where("batch_id", "=", batchId)
    .where("position", "=", position)
    .where("state", "=", "waiting")
    .execute();
}

export async function finishBatches(db: Db, now: number): Promise<void> {
  await db
    .updateTable("batches")
    .set({ finished_at: now })
    .where("finished_at", "is", null)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb.selectFrom("batch_items").select("email").whereRef("batch_id", "=", "batches.id").where(isWaiting),
        ),
      ),
    )
    .execute();
}

/**
 * Takes out of a batch what nobody has begun with, and the batch too if nothing else is in it. Returns how many decisions that
 * were; undefined when this person has asked for no such batch.
 */
export async function undoBatch(
  trx: Transaction<AppDatabase>,
  { id, actor }: { id: string; actor: string },
): Promise<number | undefined> {
  const batch = await trx
    .selectFrom("batches")
    .select("id")
    .where("id", "=", id)
    .where("actor", "=", actor)
    .executeTakeFirst();
  if (!batch) return undefined;
  // Whoever takes one at this moment has counted an attempt when it is looked at.
  const undone = await trx
    .deleteFrom("batch_items")
    .where("batch_id", "=", id)
    .where(isWaiting)
    .where("attempts", "=", 0)
    .executeTakeFirst();
  await trx
    .deleteFrom("batches")
    .where("id", "=", id)
    .where((eb) => eb.not(eb.exists(eb.selectFrom("batch_items").select("email").where("batch_id", "=", id))))
    .execute();
  return Number(undone.numDeletedRows);
}

function selectBatches(db: Db): SelectQueryBuilder<AppDatabase, "batches", ListedBatch> {
  return db
    .selectFrom("batches")
    .select(["id", "decision", "reason", "actor", "created_at", "finished_at"])
    .select([nameOfUser(sql`batches.actor`).as("actor_name"), countItems().as("total"), countItems("done").as("done")])
    .select(failedItems.as("failed"));
}

const countItems = (state?: "done") =>
  sql<number>`(select count(*)::int from batch_items where batch_id = batches.id
    ${state ? sql`and state = ${sql.lit(state)}` : sql``})`;

const failedItems = sql<FailedBatchItem[]>`(
  select coalesce(json_agg(json_build_object('email', email, 'error', error, 'decided_by_name', decided_by_name,
    'decided_at', decided_at) order by position), '[]')
  from batch_items where batch_id = batches.id and state = 'failed')`;

export async function findBatch(db: Db, id: string): Promise<ListedBatch | undefined> {
  return selectBatches(db).where("id", "=", id).executeTakeFirst();
}

/** Newest first. */
export async function listBatches(db: Db, limit: number): Promise<ListedBatch[]> {
  return selectBatches(db).orderBy("created_at", "desc").orderBy("id").limit(limit).execute();
}

export async function purgeBatches(db: Db, before: number): Promise<void> {
  await db.deleteFrom("batches").where("finished_at", "<", before).execute();
}
