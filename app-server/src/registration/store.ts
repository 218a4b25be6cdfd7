import { type Kysely, sql, type Transaction } from "kysely";
import { type AppDatabase, liveStates, type RegistrationState, type RegistrationStateTable } from "../database.ts";

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

export interface Registration {
  id: string;
  email: string;
  state: RegistrationState;
  signupToken: Uint8Array | null;
  signupExpiresAt: number | null;
  openingUntil: number | null;
  openingError: string | null;
}

/** One attempt to open a sign-up, held by whoever knows its id until the lease ends. */
export interface Opening {
  id: string;
  registrationId: string;
  email: string;
}

const registrationColumns = [
  "id",
  "email",
  "state",
  "signup_token as signupToken",
  "signup_expires_at as signupExpiresAt",
  "opening_until as openingUntil",
  "opening_error as openingError",
] as const;

/** What is known of an address: whether a person, a registration under way or a recent rejection holds it. */
export async function findClaimsOnAddress(db: Db, email: string, rejectedSince: number) {
  return db
    .selectNoFrom((eb) => [
      eb.exists(eb.selectFrom("users").select("id").where("email_norm", "=", email)).as("isUser"),
      eb
        .exists(
          eb
            .selectFrom("registration_state")
            .select("id")
            .where("email", "=", email)
            .where("state", "=", "REJECTED")
            .where("decided_at", ">", rejectedSince),
        )
        .as("isRejected"),
    ])
    .executeTakeFirstOrThrow();
}

type NewRegistration = Pick<
  RegistrationStateTable,
  "id" | "token_hash" | "email" | "state" | "created_at" | "expires_at"
> & { accepted?: boolean; grants?: string[]; opening_until?: number; decided_by?: string; decided_at?: number };

/** False, and nothing stored, when the state is a live one and the address has a live registration already. */
export async function insertRegistration(db: Db, row: NewRegistration): Promise<boolean> {
  const result = await db
    .insertInto("registration_state")
    .values(row)
    .onConflict((conflict) => conflict.column("email").where(isLive).doNothing())
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows === 1n;
}

export async function insertNewUser(
  db: Db,
  row: { registrationId: string; email: string; firstname: string; lastname: string; accepted: boolean; now: number },
): Promise<void> {
  const { registrationId, now, ...columns } = row;
  await db
    .insertInto("newusers")
    .values({ ...columns, registration_id: registrationId, created_at: now })
    .execute();
}

export async function findByToken(db: Db, tokenHash: Uint8Array): Promise<Registration | undefined> {
  return db
    .selectFrom("registration_state")
    .select(registrationColumns)
    .where("token_hash", "=", tokenHash)
    .executeTakeFirst();
}

/** The registration that holds the address, or else its newest rejection. */
export async function findForDecision(db: Db, email: string): Promise<Registration | undefined> {
  const live = await db
    .selectFrom("registration_state")
    .select(registrationColumns)
    .where("email", "=", email)
    .where(isLive)
    .executeTakeFirst();
  return live ?? findNewestRejected(db, email);
}

async function findNewestRejected(db: Db, email: string): Promise<Registration | undefined> {
  return db
    .selectFrom("registration_state")
    .select(registrationColumns)
    .where("email", "=", email)
    .where("state", "=", "REJECTED")
    .orderBy("decided_at", "desc")
    .limit(1)
    .executeTakeFirst();
}

/**
 * What became of an address, for telling why a decision comes too late: its newest registration's state, or ACTIVE when
 * it is a user's. Decoys stand for nothing.
 */
export async function findNewestState(db: Db, email: string): Promise<RegistrationState | "ACTIVE" | undefined> {
  const user = await db.selectFrom("users").select("id").where("email_norm", "=", email).executeTakeFirst();
  if (user) return "ACTIVE";
  const live = await findForDecision(db, email);
  if (live) return live.state;
  const ended = await db
    .selectFrom("registration_state")
    .select("state")
    .where("email", "=", email)
    .where(sql<boolean>`state in ('REJECTED', 'WITHDRAWN', 'EXPIRED')`)
    .orderBy("created_at", "desc")
    .limit(1)
    .executeTakeFirst();
  return ended?.state;
}

export interface Claim {
  openingId: string;
  /** The application name of the claiming process's connections: while one is open, the process lives. */
  by: string;
  until: number;
  now: number;
}

/** REQUESTED → ACCEPTING, for exactly one caller. */
export async function claimForAcceptance(
  db: Db,
  email: string,
  claim: Claim & { actor: string },
): Promise<Opening | undefined> {
  const row = await db
    .updateTable("registration_state")
    .set({
      state: "ACCEPTING",
      ...claimColumns(claim),
      decided_by: claim.actor,
      decided_at: claim.now,
    })
    .where("email", "=", email)
    .where("state", "=", "REQUESTED")
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
  const rows = await db
    .with("opened", (with_) =>
      with_
        .updateTable("registration_state")
        .set({
          state: "OPEN",
          accepted: true,
          signup_token: signup.sealedToken,
          signup_expires_at: signup.expiresAt,
          opening_id: null,
          opening_until: null,
          expires_at: sinceApproval(registrationTtl),
        })
        .where("id", "=", opening.registrationId)
        .where("opening_id", "=", opening.id)
        .where("state", "in", ["ACCEPTING", "ACCEPTED"])
        .returning("id"),
    )
    .updateTable("newusers")
    .from("opened")
    .set({ accepted: true })
    .whereRef("newusers.registration_id", "=", "opened.id")
    .returning("newusers.registration_id")
    .execute();
  return rows.length === 1;
}

/** An approved registration waits for its owner from the approval on, however often its sign-up is opened. */
const sinceApproval = (registrationTtl: number) => sql<number>`coalesce(decided_at + ${registrationTtl}, expires_at)`;

/** The auth server refused: ACCEPTING → REQUESTED as if nobody had tried; a refused renewal stays ACCEPTED. */
export async function storeRefused(db: Db, opening: Opening, error: string): Promise<void> {
  await db
    .updateTable("registration_state")
    .set({
      state: sql`case when state = 'ACCEPTING' then 'REQUESTED' else state end`,
      decided_by: sql`case when state = 'ACCEPTING' then null else decided_by end`,
      decided_at: sql`case when state = 'ACCEPTING' then null else decided_at end`,
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
 * Leases that have ended, and with `takeoverBefore` those of processes that are gone: a living one keeps a connection
 * open under its name. A call back may still be on its way for some seconds, so fresh leases are left alone.
 */
const isAbandoned = (now: number, takeoverBefore: number) =>
  sql<boolean>`(opening_until <= ${now} or (opening_until <= ${takeoverBefore} and not exists (
    select from pg_stat_activity where application_name = opening_by)))`;

/** Lapsed and no mail: the call never got anywhere. ACCEPTING → REQUESTED. */
export async function returnUnmailedToRequested(db: Db, now: number, takeoverBefore: number): Promise<void> {
  await db
    .updateTable("registration_state")
    .set({ state: "REQUESTED", ...noOpening, decided_by: null, decided_at: null })
    .where("state", "=", "ACCEPTING")
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
  await db
    .with("kept", (with_) =>
      with_
        .updateTable("registration_state")
        .set({
          state: "ACCEPTED",
          accepted: true,
          opening_id: null,
          opening_until: now,
          expires_at: sinceApproval(registrationTtl),
        })
        .where("state", "=", "ACCEPTING")
        .where(isAbandoned(now, takeoverBefore))
        .where("mailed_at", "is not", null)
        .returning("id"),
    )
    .updateTable("newusers")
    .from("kept")
    .set({ accepted: true })
    .whereRef("newusers.registration_id", "=", "kept.id")
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
  await db
    .updateTable("registration_state")
    .set({ state: "ACCEPTED", signup_token: null, signup_expires_at: null })
    .where("id", "=", registrationId)
    .where("state", "=", "OPEN")
    .where("signup_token", "=", sealedToken)
    .execute();
}

export async function findById(db: Db, id: string): Promise<Registration | undefined> {
  return db.selectFrom("registration_state").select(registrationColumns).where("id", "=", id).executeTakeFirst();
}

/** For the call back inside create_signup: the registration that holds the address, marked as mailed. */
export async function markMailed(db: Db, email: string, now: number): Promise<string | undefined> {
  const row = await db
    .updateTable("registration_state")
    .set({ mailed_at: now })
    .where("email", "=", email)
    .where(isLive)
    .returning("id")
    .executeTakeFirst();
  return row?.id;
}

/** REQUESTED → REJECTED. */
export async function storeRejected(
  db: Db,
  email: string,
  decision: { actor: string; reason: string | null; now: number; expiresAt: number },
): Promise<boolean> {
  const result = await db
    .updateTable("registration_state")
    .set({
      state: "REJECTED",
      decided_by: decision.actor,
      decided_at: decision.now,
      reason: decision.reason,
      expires_at: decision.expiresAt,
    })
    .where("email", "=", email)
    .where("state", "=", "REQUESTED")
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** REJECTED → REQUESTED, for the newest rejection, unless the address has a live registration or a user again. */
export async function storeReopened(db: Db, email: string, expiresAt: number): Promise<boolean> {
  const result = await db
    .updateTable("registration_state")
    .set({ state: "REQUESTED", decided_by: null, decided_at: null, reason: null, expires_at: expiresAt })
    .where("id", "=", (eb) =>
      eb
        .selectFrom("registration_state as newest")
        .select("newest.id")
        .where("newest.email", "=", email)
        .where("newest.state", "=", "REJECTED")
        .orderBy("newest.decided_at", "desc")
        .limit(1),
    )
    .where("state", "=", "REJECTED")
    .where((eb) => eb.not(eb.exists(eb.selectFrom("users").select("id").where("email_norm", "=", email))))
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom("registration_state as live")
            .select("live.id")
            .where("live.email", "=", email)
            .where("live.state", "in", [...liveStates]),
        ),
      ),
    )
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/**
 * Any state before ACTIVE → WITHDRAWN; the name is forgotten. Returns the sealed sign-up token, if there was one, so
 * that the sign-up can be ended too.
 */
export async function storeWithdrawn(
  db: Db,
  registrationId: string,
  expiresAt: number,
): Promise<{ signupToken: Uint8Array | null } | undefined> {
  return db
    .with("before", (with_) =>
      with_
        .selectFrom("registration_state")
        .select(["id", "signup_token"])
        .where("id", "=", registrationId)
        .where("state", "in", [...liveStates, "DECOY"])
        .forUpdate(),
    )
    .with("forgotten", (with_) =>
      with_.deleteFrom("newusers").using("before").whereRef("registration_id", "=", "before.id").returning("before.id"),
    )
    .updateTable("registration_state")
    .from("before")
    .set({
      state: "WITHDRAWN",
      accepted: false,
      signup_token: null,
      signup_expires_at: null,
      opening_id: null,
      opening_until: null,
      expires_at: expiresAt,
    })
    .whereRef("registration_state.id", "=", "before.id")
    .returning("before.signup_token as signupToken")
    .executeTakeFirst();
}

export interface ListedRegistration {
  email: string;
  firstname: string;
  lastname: string;
  accepted: boolean;
  state: RegistrationState;
  created_at: number;
  decided_by: string | null;
  decided_at: number | null;
  reason: string | null;
}

/** Oldest first, at most `limit`, after the given place. */
export async function listRegistrations(
  db: Db,
  states: readonly RegistrationState[],
  limit: number,
): Promise<ListedRegistration[]> {
  return db
    .selectFrom("newusers")
    .innerJoin("registration_state as state", "state.id", "newusers.registration_id")
    .select([
      "newusers.email",
      "newusers.firstname",
      "newusers.lastname",
      "newusers.accepted",
      "state.state",
      "newusers.created_at",
      "state.decided_by",
      "state.decided_at",
      "state.reason",
    ])
    .where("state.state", "in", [...states])
    .orderBy("newusers.created_at")
    .orderBy("newusers.registration_id")
    .limit(limit)
    .execute();
}

/** Locks the registration that holds the address, for the transaction that turns it into a user. */
export async function lockByEmail(db: Transaction<AppDatabase>, email: string) {
  return db
    .selectFrom("registration_state as state")
    .innerJoin("newusers", "newusers.registration_id", "state.id")
    .select(["state.id", "state.accepted", "state.grants", "newusers.firstname", "newusers.lastname"])
    .where("state.email", "=", email)
    .where("state.state", "in", [...liveStates])
    .forUpdate("state")
    .executeTakeFirst();
}

/** The registration and its code are used up: OPEN → ACTIVE leaves no row behind. */
export async function deleteRegistration(db: Db, registrationId: string): Promise<void> {
  await db.deleteFrom("registration_state").where("id", "=", registrationId).execute();
}

/** REQUESTED and ACCEPTED past their time → EXPIRED, names forgotten; decoys and kept decisions past theirs → gone. */
export async function expireRegistrations(db: Db, now: number, keepUntil: number): Promise<void> {
  await db
    .with("expired", (with_) =>
      with_
        .updateTable("registration_state")
        .set({ state: "EXPIRED", accepted: false, opening_until: null, opening_id: null, expires_at: keepUntil })
        .where("state", "in", ["REQUESTED", "ACCEPTED"])
        .where("expires_at", "<=", now)
        .returning("id"),
    )
    .deleteFrom("newusers")
    .using("expired")
    .whereRef("newusers.registration_id", "=", "expired.id")
    .execute();
  await db
    .deleteFrom("registration_state")
    .where("state", "in", ["DECOY", "REJECTED", "WITHDRAWN", "EXPIRED"])
    .where("expires_at", "<=", now)
    .execute();
  await db
    .updateTable("registration_state")
    .set({ state: "ACCEPTED", signup_token: null, signup_expires_at: null })
    .where("state", "=", "OPEN")
    .where("signup_expires_at", "<=", now)
    .execute();
}

/** Spelled out so that PostgreSQL recognises the condition of the index. */
const isLive = sql<boolean>`state in ('REQUESTED', 'ACCEPTING', 'ACCEPTED', 'OPEN')`;

/** For setting up an administrator: the address is taken over from whoever asked for it without proof. */
export async function replaceLiveRegistration(db: Db, email: string): Promise<void> {
  await db.deleteFrom("registration_state").where("email", "=", email).where(isLive).execute();
}
