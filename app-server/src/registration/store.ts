import type { ListedRegistration, MailSummary } from "@anteroom/shared/wire/app";
import { type ExpressionBuilder, type Kysely, sql, type Transaction } from "kysely";
import { decidedColumns, findAcceptance, nameOfUser, noteDecision } from "../admins/log-store.ts";
import { type AppDatabase, liveStates, type RegistrationState, type RegistrationStateTable } from "../database.ts";
import type { Language } from "../mail/types.ts";

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

export interface Registration {
  id: string;
  email: string;
  state: RegistrationState;
  signupToken: Uint8Array | null;
  signupExpiresAt: number | null;
  openingUntil: number | null;
  openingError: string | null;
  decidedBy: string | null;
}

/** What a given up attempt to approve has left behind is no decision. */
const whenDecided = <T>(column: string) => sql<T | null>`case when state <> 'REQUESTED' then ${sql.ref(column)} end`;
export const decidedBy = whenDecided<string>("decided_by");
export const decidedAt = whenDecided<number>("decided_at");

const registrationColumns = [
  "id",
  "email",
  "state",
  "signup_token as signupToken",
  "signup_expires_at as signupExpiresAt",
  "opening_until as openingUntil",
  "opening_error as openingError",
  "decided_by as decidedBy",
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
  row: {
    registrationId: string;
    email: string;
    firstname: string;
    lastname: string;
    language?: Language | undefined;
    accepted: boolean;
    now: number;
  },
): Promise<void> {
  const { registrationId, language = null, now, ...columns } = row;
  await db
    .insertInto("newusers")
    .values({ ...columns, language, registration_id: registrationId, created_at: now })
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

export interface Standing {
  state: RegistrationState | "ACTIVE";
  decidedBy: string | null;
  /** Null for those who are no person, or have no account any more. */
  decidedByName: string | null;
  decidedAt: number | null;
}

/**
 * What became of an address and by whom, for telling why a decision comes too late: its newest registration's state, or
 * ACTIVE when it is a user's. Decoys stand for nothing.
 */
export async function findStanding(db: Db, email: string): Promise<Standing | undefined> {
  const user = await db.selectFrom("users").select("id").where("email_norm", "=", email).executeTakeFirst();
  if (user) {
    const acceptance = await findAcceptance(db, email);
    return {
      state: "ACTIVE",
      decidedBy: acceptance?.actor ?? null,
      decidedByName: acceptance?.actor_name ?? null,
      decidedAt: acceptance?.at ?? null,
    };
  }
  return db
    .selectFrom("registration_state")
    .select(["state", decidedBy.as("decidedBy"), decidedAt.as("decidedAt")])
    .select(nameOfUser(decidedBy).as("decidedByName"))
    .where("email", "=", email)
    .where((eb) => eb.or([isLive, hasEnded]))
    .orderBy(isLive, "desc")
    .orderBy(sql`state = 'REJECTED'`, "desc")
    .orderBy(sql`coalesce(decided_at, created_at)`, "desc")
    .limit(1)
    .executeTakeFirst();
}

export async function findById(db: Db, id: string): Promise<Registration | undefined> {
  return db.selectFrom("registration_state").select(registrationColumns).where("id", "=", id).executeTakeFirst();
}

/** REQUESTED → REJECTED. The registration, if there was one to reject. */
export async function storeRejected(
  db: Db,
  email: string,
  decision: { actor: string; reason: string | null; now: number; expiresAt: number },
): Promise<string | undefined> {
  const row = await db
    .with("rejected", (with_) =>
      with_
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
        .returning(decidedColumns),
    )
    .with("noted", () => noteDecision("reject", "rejected"))
    .selectFrom("rejected")
    .select("id")
    .executeTakeFirst();
  return row?.id;
}

/** REJECTED → REQUESTED, for the newest rejection, unless the address has a live registration or a user again. */
export async function storeReopened(db: Db, email: string, expiresAt: number): Promise<string | undefined> {
  const row = await db
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
    .returning("id")
    .executeTakeFirst();
  return row?.id;
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

function newestMail(eb: ExpressionBuilder<AppDatabase & { state: RegistrationStateTable }, "newusers" | "state">) {
  return eb
    .selectFrom("mails")
    .select(
      sql<MailSummary>`json_build_object('type', type, 'status', status, 'reason', mails.reason, 'at', updated_at,
        'next_try_at', next_try_at)`.as("mail"),
    )
    .whereRef("mails.registration_id", "=", "newusers.registration_id")
    .orderBy("mails.created_at", "desc")
    .orderBy("mails.id", "desc")
    .limit(1)
    .as("newest");
}

/** Oldest first, at most `limit`, after the given place. */
export async function listRegistrations(
  db: Db,
  states: readonly ListedRegistration["state"][],
  limit: number,
): Promise<ListedRegistration[]> {
  return db
    .selectFrom("newusers")
    .innerJoin("registration_state as state", "state.id", "newusers.registration_id")
    .leftJoinLateral(newestMail, (join) => join.onTrue())
    .select([
      "newusers.email",
      "newusers.firstname",
      "newusers.lastname",
      "newusers.accepted",
      "state.state",
      "newusers.created_at",
      decidedBy.as("decided_by"),
      decidedAt.as("decided_at"),
      "state.reason",
      "newest.mail",
    ])
    .where("state.state", "in", [...states])
    .$narrowType<{ state: ListedRegistration["state"] }>()
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
    .select([
      "state.id",
      "state.accepted",
      "state.grants",
      "newusers.firstname",
      "newusers.lastname",
      "newusers.language",
    ])
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
export const isLive = sql<boolean>`state in ('REQUESTED', 'ACCEPTING', 'ACCEPTED', 'OPEN')`;

const hasEnded = sql<boolean>`state in ('REJECTED', 'WITHDRAWN', 'EXPIRED')`;

/** For setting up an administrator: the address is taken over from whoever asked for it without proof. */
export async function replaceLiveRegistration(db: Db, email: string): Promise<void> {
  await db.deleteFrom("registration_state").where("email", "=", email).where(isLive).execute();
}
