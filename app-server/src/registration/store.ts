import type { ListedRegistration } from "@anteroom/shared/wire/app/decisions";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import type { Language } from "@anteroom/shared/wire/languages";
import { type Kysely, sql, type Transaction } from "kysely";
import { findAcceptance, nameOfUser } from "../audit/log-store.ts";
import type { AppDatabase, RegistrationStateTable } from "../database/tables.ts";
import { newestMail } from "../mail/newest.ts";
import { hasEnded, isIn, isLive, move, moveAndNote } from "./moves.ts";
import { type FirstState, liveStates, type RegistrationState, transitions } from "./states.ts";

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

export interface Registration {
  id: string;
  email: EmailAddress;
  state: RegistrationState;
  signupToken: Uint8Array | null;
  signupExpiresAt: number | null;
  openingUntil: number | null;
  openingError: string | null;
  decidedBy: string | null;
  createdAt: number;
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
  "created_at as createdAt",
] as const;

/** What is known of an address: whether a person, a registration under way or a recent rejection holds it. */
export async function findUsesOfAddress(db: Db, email: EmailAddress, rejectedSince: number) {
  return db
    .selectNoFrom((eb) => [
      eb.exists(eb.selectFrom("users").select("id").where("email_norm", "=", email)).as("isUser"),
      eb
        .exists(eb.selectFrom("users").select("id").where("email_norm", "=", email).where("disabled", "=", true))
        .as("isDisabled"),
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
      eb
        .exists(eb.selectFrom("registration_state").select("id").where("email", "=", email).where(isLive))
        .as("isWaiting"),
    ])
    .executeTakeFirstOrThrow();
}

export type NewRegistration = Pick<
  RegistrationStateTable,
  "id" | "token_hash" | "email" | "created_at" | "expires_at"
> & {
  state: FirstState;
  approved_at?: number;
  grants?: string[];
  opening_until?: number;
  decided_by?: string;
  decided_at?: number;
};

interface Applicant {
  firstname: string;
  lastname: string;
  language?: Language | undefined;
  /** To those who decide. */
  message?: string | undefined;
}

/**
 * Stores a request and who makes it, in one statement. False, and nothing stored, when it is there already, or when its
 * state is a live one and the address has a live registration.
 */
export async function insertRequest(db: Db, row: NewRegistration, applicant: Applicant): Promise<boolean> {
  const { firstname, lastname, language = null } = applicant;
  const message = applicant.message || null;
  const columns = { email: row.email, firstname, lastname, language, message, accepted: row.approved_at !== undefined };
  const inserted = await db
    .with("made", (with_) =>
      with_
        .insertInto("registration_state")
        .values(row)
        .onConflict((conflict) => conflict.doNothing())
        .returning(["id", "created_at"]),
    )
    .insertInto("newusers")
    .columns(["registration_id", "created_at", "email", "firstname", "lastname", "language", "message", "accepted"])
    .expression((eb) =>
      eb
        .selectFrom("made")
        .select(["made.id", "made.created_at"])
        .select([
          sql<string>`${columns.email}::text`.as("email"),
          sql<string>`${columns.firstname}::text`.as("firstname"),
          sql<string>`${columns.lastname}::text`.as("lastname"),
          sql<Language | null>`${columns.language}::text`.as("language"),
          sql<string | null>`${columns.message}::text`.as("message"),
          sql<boolean>`${columns.accepted}::boolean`.as("accepted"),
        ]),
    )
    .returning("registration_id")
    .executeTakeFirst();
  return inserted !== undefined;
}

export async function findByToken(db: Db, tokenHash: Uint8Array): Promise<Registration | undefined> {
  return db
    .selectFrom("registration_state")
    .select(registrationColumns)
    .where("token_hash", "=", tokenHash)
    .executeTakeFirst();
}

/** The registration that holds the address, or else its newest rejection. */
export async function findForDecision(db: Db, email: EmailAddress): Promise<Registration | undefined> {
  const live = await db
    .selectFrom("registration_state")
    .select(registrationColumns)
    .where("email", "=", email)
    .where(isLive)
    .executeTakeFirst();
  return live ?? findNewestRejected(db, email);
}

/** The registration that holds the address. */
export async function findLiveId(db: Db, email: EmailAddress): Promise<string | undefined> {
  const row = await db
    .selectFrom("registration_state")
    .select("id")
    .where("email", "=", email)
    .where(isLive)
    .executeTakeFirst();
  return row?.id;
}

async function findNewestRejected(db: Db, email: EmailAddress): Promise<Registration | undefined> {
  return db
    .selectFrom("registration_state")
    .select(registrationColumns)
    .where("email", "=", email)
    .where("state", "=", "REJECTED")
    .orderBy("decided_at", "desc")
    .limit(1)
    .executeTakeFirst();
}

/** The account that has the address. */
export async function findUserId(db: Db, email: EmailAddress): Promise<string | undefined> {
  const user = await db.selectFrom("users").select("id").where("email_norm", "=", email).executeTakeFirst();
  return user?.id;
}

export interface AddressState {
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
export async function findAddressState(db: Db, email: EmailAddress): Promise<AddressState | undefined> {
  if (await findUserId(db, email)) {
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
  email: EmailAddress,
  decision: { actor: string; reason: string | null; now: number; expiresAt: number },
): Promise<{ id: string; firstname: string; lastname: string } | undefined> {
  return moveAndNote(db, "reject", (rejecting) =>
    rejecting
      .set({
        decided_by: decision.actor,
        decided_at: decision.now,
        reason: decision.reason,
        expires_at: decision.expiresAt,
      })
      .where("email", "=", email),
  )
    .selectFrom("moved")
    .innerJoin("newusers", "newusers.registration_id", "moved.id")
    .select(["moved.id", "newusers.firstname", "newusers.lastname"])
    .executeTakeFirst();
}

/** REJECTED → REQUESTED, for the newest rejection, unless the address has a live registration or a user again. */
export async function storeReopened(db: Db, email: EmailAddress, expiresAt: number): Promise<string | undefined> {
  const row = await move(db, "reopen")
    .set({ decided_by: null, decided_at: null, reason: null, expires_at: expiresAt })
    .where("id", "=", (eb) =>
      eb
        .selectFrom("registration_state as newest")
        .select("newest.id")
        .where("newest.email", "=", email)
        .where("newest.state", "=", "REJECTED")
        .orderBy("newest.decided_at", "desc")
        .limit(1),
    )
    .where((eb) => eb.not(eb.exists(eb.selectFrom("users").select("id").where("email_norm", "=", email))))
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom("registration_state as live")
            .select("live.id")
            .where("live.email", "=", email)
            .where(isIn(liveStates, "live.state")),
        ),
      ),
    )
    .returning("id")
    .executeTakeFirst();
  return row?.id;
}

/**
 * Two requests for a waiting address change places: REQUESTED → DECOY for the one that waits, DECOY → REQUESTED for the
 * chosen one. False when that is no further request of this address, or a decision is under way.
 */
export async function chooseRequest(trx: Transaction<AppDatabase>, email: EmailAddress, id: string): Promise<boolean> {
  const chosen = await trx
    .selectFrom("registration_state")
    .select("state")
    .where("id", "=", id)
    .where("email", "=", email)
    .forUpdate()
    .executeTakeFirst();
  if (chosen?.state !== "DECOY") return chosen !== undefined && liveStates.includes(chosen.state);
  const stepped = await move(trx, "stepBack").where("email", "=", email).executeTakeFirst();
  if (stepped.numUpdatedRows === 0n) return false;
  await move(trx, "choose").where("id", "=", id).execute();
  return true;
}

/** Oldest first, at most `limit`. */
export async function listRegistrations(
  db: Db,
  states: readonly ListedRegistration["state"][],
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
      decidedBy.as("decided_by"),
      decidedAt.as("decided_at"),
      "state.reason",
      newestMail({ registration_id: "newusers.registration_id" }).as("mail"),
    ])
    .where("state.state", "in", [...states])
    .$narrowType<{ state: ListedRegistration["state"] }>()
    .orderBy("newusers.created_at")
    .orderBy("newusers.registration_id")
    .limit(limit)
    .execute();
}

/** Locks the registration that holds the address, for the transaction that turns it into a user. */
export async function lockByEmail(db: Transaction<AppDatabase>, email: EmailAddress) {
  return db
    .selectFrom("registration_state as state")
    .innerJoin("newusers", "newusers.registration_id", "state.id")
    .select([
      "state.id",
      isIn(transitions.activate.from, "state.state").as("mayActivate"),
      "state.grants",
      "newusers.firstname",
      "newusers.lastname",
      "newusers.language",
    ])
    .where("state.email", "=", email)
    .where(isIn(liveStates, "state.state"))
    .forUpdate("state")
    .executeTakeFirst();
}
