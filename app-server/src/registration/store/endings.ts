import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import { type Kysely, sql, type Transaction } from "kysely";
import type { AppDatabase } from "../../database/tables.ts";
import { isIn, move } from "../moves.ts";
import { liveStates, type MoveName, transitions } from "../states.ts";

/** The statements by which registrations end, and further requests for their addresses take their place. */

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

export interface Ended {
  id: string;
  email: EmailAddress;
  /** Whether it held its address; a decoy does not. */
  held: boolean;
  /** Sealed, so that the sign-up can be ended too. */
  signupToken: Uint8Array | null;
}

/** The transitions to WITHDRAWN. */
export type Ending = {
  [Name in MoveName]: (typeof transitions)[Name] extends { to: "WITHDRAWN" } ? Name : never;
}[MoveName];

/** → WITHDRAWN; the name is forgotten. By its id, or whichever may be withdrawn so at the address. */
export async function storeWithdrawn(
  db: Db,
  ending: Ending,
  which: { id: string } | { email: EmailAddress },
  expiresAt: number,
): Promise<Ended | undefined> {
  return db
    .with("before", (with_) =>
      with_
        .selectFrom("registration_state")
        .select(["id", "state", "signup_token"])
        .where((eb) => ("id" in which ? eb("id", "=", which.id) : eb("email", "=", which.email)))
        .where("state", "in", [...transitions[ending].from])
        .forUpdate(),
    )
    .with("forgotten", (with_) =>
      with_.deleteFrom("newusers").using("before").whereRef("registration_id", "=", "before.id").returning("before.id"),
    )
    .updateTable("registration_state")
    .from("before")
    .set({
      state: transitions[ending].to,
      signup_token: null,
      signup_expires_at: null,
      opening_id: null,
      opening_until: null,
      expires_at: expiresAt,
    })
    .whereRef("registration_state.id", "=", "before.id")
    .returning([
      "before.id",
      "registration_state.email",
      sql<boolean>`before.state <> 'DECOY'`.as("held"),
      "before.signup_token as signupToken",
    ])
    .executeTakeFirst();
}

/**
 * DECOY → REQUESTED for the oldest further request of each address, where none holds the address any more. What was
 * registered for an address that is an account's stays a decoy.
 */
export async function promoteNext(db: Db, emails: readonly EmailAddress[], now: number): Promise<void> {
  await sql`
    with next as (
      select distinct on (email) id from registration_state
      where email = any(${emails}::text[]) and ${isIn(transitions.takeOver.from)} and expires_at > ${now}
      order by email, created_at, id
    )
    update registration_state further set state = ${transitions.takeOver.to} from next
    where further.id = next.id and ${isIn(transitions.takeOver.from, "further.state")}
      and not exists (select from users where email_norm = further.email)
      and not exists (select from registration_state live
        where live.email = further.email and ${isIn(liveStates, "live.state")})`.execute(db);
}

/** The registration and its code are used up: who is ACTIVE leaves no row behind, nor the names of further requests. */
export async function deleteRegistration(db: Db, registrationId: string): Promise<void> {
  await sql`
    with used as (delete from registration_state where id = ${registrationId} returning email)
    delete from newusers using registration_state further, used
    where further.email = used.email and further.state = 'DECOY' and newusers.registration_id = further.id`.execute(db);
}

/**
 * REQUESTED and ACCEPTED past their time → EXPIRED, names forgotten, and further requests take their place; decoys and
 * kept decisions past theirs → gone.
 */
export async function expireRegistrations(db: Db, now: number, keepUntil: number): Promise<void> {
  const expired = await db
    .with("expired", (with_) =>
      move(with_, "expire")
        .set({ opening_until: null, opening_id: null, expires_at: keepUntil })
        .where("expires_at", "<=", now)
        .returning(["id", "email"]),
    )
    .with("forgotten", (with_) =>
      with_.deleteFrom("newusers").using("expired").whereRef("newusers.registration_id", "=", "expired.id"),
    )
    .selectFrom("expired")
    .select("email")
    .execute();
  await promoteNext(
    db,
    expired.map(({ email }) => email),
    now,
  );
  await db
    .deleteFrom("registration_state")
    .where("state", "in", [...transitions.forget.from, ...transitions.forgetDecoy.from])
    .where("expires_at", "<=", now)
    .execute();
  await move(db, "lapse")
    .set({ signup_token: null, signup_expires_at: null })
    .where("signup_expires_at", "<=", now)
    .execute();
}

/** For setting up an administrator: the address is taken over from whoever asked for it without proof. */
export async function replaceLiveRegistration(db: Db, email: EmailAddress): Promise<void> {
  await db.deleteFrom("registration_state").where("email", "=", email).where(isIn(transitions.replace.from)).execute();
}
