import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import { type Kysely, sql, type Transaction } from "kysely";
import { hasProcessEnded } from "../../database/leases.ts";
import type { AppDatabase } from "../../database/tables.ts";
import { openingLease } from "../../policy/timing.ts";
import { isLive, move, moveAndNote, movedColumns, moveIf, noteMove } from "../moves.ts";

/** The statements of opening a sign-up, a step that spans both servers (opening.ts). */

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

/** One attempt to open a sign-up, held by whoever knows its id until the lease ends. */
export interface Opening {
  id: string;
  registrationId: string;
  email: EmailAddress;
}

export interface Claim {
  openingId: string;
  /** The claiming process (leases.ts). */
  by: string;
  until: number;
  now: number;
}

/** REQUESTED → ACCEPTING, for exactly one caller. */
export async function claimForAcceptance(
  db: Db,
  email: EmailAddress,
  claim: Claim & { actor: string },
): Promise<Opening | undefined> {
  const row = await move(db, "accept")
    .set({ ...claimColumns(claim), decided_by: claim.actor, decided_at: claim.now })
    .where("email", "=", email)
    .returning("id")
    .executeTakeFirst();
  return row && { id: claim.openingId, registrationId: row.id, email };
}

/** Takes the right to open a new sign-up for an ACCEPTED registration, for exactly one caller. */
export async function claimForRenewal(db: Db, registrationId: string, claim: Claim): Promise<Opening | undefined> {
  const row = await db
    .updateTable("registration_state")
    .set(claimColumns(claim))
    .where("id", "=", registrationId)
    .where("state", "=", "ACCEPTED")
    .where((eb) => eb.or([eb("opening_until", "is", null), eb("opening_until", "<=", claim.now)]))
    .returning("email")
    .executeTakeFirst();
  return row && { id: claim.openingId, registrationId, email: row.email };
}

function claimColumns(claim: Claim) {
  return {
    opening_id: claim.openingId,
    opening_by: claim.by,
    opening_until: claim.until,
    opening_error: null,
    mailed_at: null,
  };
}

/** As a row is that nobody has tried to open a sign-up for. */
const noOpening = { opening_id: null, opening_by: null, opening_until: null, mailed_at: null };

/**
 * ACCEPTING or ACCEPTED → OPEN: token and approval together, in both tables, in one statement. False when the lease
 * was lost to somebody else meanwhile.
 */
export async function storeOpened(
  db: Db,
  opening: Opening,
  signup: { sealedToken: Uint8Array; expiresAt: number },
  registrationTtl: number,
): Promise<boolean> {
  const rows = await moveAndNote(db, "open", (moving) =>
    moving
      .set({
        signup_token: signup.sealedToken,
        signup_expires_at: signup.expiresAt,
        opening_id: null,
        opening_until: null,
        expires_at: sinceApproval(registrationTtl),
      })
      .where("id", "=", opening.registrationId)
      .where("opening_id", "=", opening.id),
  )
    .updateTable("newusers")
    .from("moved")
    .set({ accepted: true })
    .whereRef("newusers.registration_id", "=", "moved.id")
    .returning("newusers.registration_id")
    .execute();
  return rows.length === 1;
}

/** An approved registration waits for its owner from the approval on, however often its sign-up is opened. */
const sinceApproval = (registrationTtl: number) => sql<number>`coalesce(decided_at + ${registrationTtl}, expires_at)`;

/** The auth server refused: ACCEPTING → REQUESTED as if nobody had tried; a refused renewal stays ACCEPTED. */
export async function storeRefused(db: Db, opening: Opening, error: string): Promise<void> {
  const { mayMove, columns } = moveIf("refuseSignup");
  await db
    .updateTable("registration_state")
    .set({
      ...columns,
      decided_by: sql`case when ${mayMove} then null else decided_by end`,
      decided_at: sql`case when ${mayMove} then null else decided_at end`,
      ...noOpening,
      opening_error: error,
    })
    .where("id", "=", opening.registrationId)
    .where("opening_id", "=", opening.id)
    .execute();
}

/** The outcome is unknown: lets the recovery decide as soon as no call back can be under way any more. */
export async function shortenLease(db: Db, opening: Opening, until: number): Promise<void> {
  await db
    .updateTable("registration_state")
    .set({ opening_until: until })
    .where("id", "=", opening.registrationId)
    .where("opening_id", "=", opening.id)
    .execute();
}

/**
 * When there is something to recover: 0 as long as any attempt is under way, for its process may end at any moment; null when
 * there is none and none will be due.
 */
export async function findNextDue(db: Db): Promise<number | null> {
  const { due } = await db
    .selectFrom("registration_state")
    .select(sql<number | null>`min(case when opening_id is null then opening_until else 0 end)`.as("due"))
    .where("opening_until", "is not", null)
    .executeTakeFirstOrThrow();
  return due;
}

/**
 * Leases that have ended, and with `takeoverBefore` those of processes that are gone. A call back may still be on its way
 * for some seconds, so fresh leases are left alone.
 */
const isAbandoned = (now: number, takeoverBefore: number) =>
  sql<boolean>`(opening_until <= ${now} or (opening_until <= ${takeoverBefore} and ${hasProcessEnded("opening_by")}))`;

/**
 * Lapsed and no mail: the call never got anywhere. ACCEPTING → REQUESTED. The attempt's id and time and whose it was
 * stay, in case it did after all and its mail only comes late (markMailed).
 */
export async function returnUnmailedToRequested(db: Db, now: number, takeoverBefore: number): Promise<void> {
  await move(db, "giveUp")
    .set({ opening_until: null })
    .where(isAbandoned(now, takeoverBefore))
    .where("mailed_at", "is", null)
    .execute();
}

/** Lapsed after the mail went out: the person knows, so the approval stands. ACCEPTING → ACCEPTED, to be opened anew. */
export async function keepMailedAsAccepted(
  db: Db,
  now: number,
  takeoverBefore: number,
  registrationTtl: number,
): Promise<void> {
  await moveAndNote(db, "keep", (keeping) =>
    keeping
      .set({ opening_id: null, opening_until: now, expires_at: sinceApproval(registrationTtl) })
      .where(isAbandoned(now, takeoverBefore))
      .where("mailed_at", "is not", null),
  )
    .updateTable("newusers")
    .from("moved")
    .set({ accepted: true })
    .whereRef("newusers.registration_id", "=", "moved.id")
    .execute();
}

/** Interrupted renewals of processes that are gone become due at once. */
export async function releaseRenewalsOfTheDead(db: Db, now: number, takeoverBefore: number): Promise<void> {
  await db
    .updateTable("registration_state")
    .set({ opening_id: null, opening_until: now })
    .where("state", "=", "ACCEPTED")
    .where("opening_until", ">", now)
    .where(isAbandoned(now, takeoverBefore))
    .execute();
}

/** Approved registrations whose opening was interrupted or is due for another try. */
export async function listInterrupted(db: Db, now: number, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom("registration_state")
    .select("id")
    .where("state", "=", "ACCEPTED")
    .where("opening_until", "<=", now)
    .orderBy("opening_until")
    .limit(limit)
    .execute();
  return rows.map((row) => row.id);
}

/** An approved person without a working mail is not given up: the recovery tries again at `at`. */
export async function scheduleAnotherTry(db: Db, registrationId: string, at: number): Promise<void> {
  await db
    .updateTable("registration_state")
    .set({ opening_until: at })
    .where("id", "=", registrationId)
    .where("state", "=", "ACCEPTED")
    .where("opening_until", "is", null)
    .execute();
}

/** OPEN → ACCEPTED when the sign-up it was opened with is no more. */
export async function storeSignupGone(db: Db, registrationId: string, sealedToken: Uint8Array): Promise<void> {
  await move(db, "lapse")
    .set({ signup_token: null, signup_expires_at: null })
    .where("id", "=", registrationId)
    .where("signup_token", "=", sealedToken)
    .execute();
}

/**
 * For the call back inside create_signup: the registration that holds the address, marked as mailed. When its acceptance
 * was given up for dead and the mail comes all the same, the person will know: REQUESTED → ACCEPTED, and the recovery
 * opens the sign-up anew. Only while the attempt is younger than a lease: a mail that somebody else causes later, by a
 * sign-up of their own, approves nobody.
 */
export async function markMailed(
  db: Db,
  email: EmailAddress,
  { now, expiresAt }: { now: number; expiresAt: number | undefined },
): Promise<string | undefined> {
  const { mayMove: isLate, columns } = moveIf(
    "acceptLate",
    sql`opening_id is not null and decided_at > ${now - openingLease}`,
  );
  const row = await db
    .with("moved", (with_) =>
      with_
        .updateTable("registration_state")
        .set({
          mailed_at: now,
          // A code that was mailed again may live longer than the one before.
          signup_expires_at: sql`case when state = 'OPEN' then coalesce(${expiresAt ?? null}::bigint, signup_expires_at)
            else signup_expires_at end`,
          ...columns,
          opening_until: sql`case when ${isLate} then ${now}::bigint else opening_until end`,
        })
        .where("email", "=", email)
        .where(isLive)
        .returning(movedColumns),
    )
    .with("noted", () => noteMove("acceptLate"))
    .updateTable("newusers")
    .from("moved")
    .set({ accepted: sql`moved.approved_at is not null` })
    .whereRef("newusers.registration_id", "=", "moved.id")
    .returning("moved.id")
    .executeTakeFirst();
  return row?.id;
}
