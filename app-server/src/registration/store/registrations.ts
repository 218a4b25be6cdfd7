import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import type { Language } from "@anteroom/shared/wire/languages";
import { type Kysely, sql, type Transaction } from "kysely";
import type { AppDatabase, RegistrationStateTable } from "../../database/tables.ts";
import { isIn, isLive } from "../moves.ts";
import { type FirstState, liveStates, type RegistrationState, transitions } from "../states.ts";

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

export const registrationColumns = [
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

/** The account that has the address. */
export async function findUserId(db: Db, email: EmailAddress): Promise<string | undefined> {
  const user = await db.selectFrom("users").select("id").where("email_norm", "=", email).executeTakeFirst();
  return user?.id;
}

export async function findById(db: Db, id: string): Promise<Registration | undefined> {
  return db.selectFrom("registration_state").select(registrationColumns).where("id", "=", id).executeTakeFirst();
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
