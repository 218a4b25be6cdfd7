import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import { type Kysely, sql, type Transaction } from "kysely";
import { findAcceptance, nameOfUser } from "../../audit/log-store.ts";
import type { AppDatabase } from "../../database/tables.ts";
import { hasEnded, isIn, isLive, move, moveAndNote } from "../moves.ts";
import { liveStates, type RegistrationState } from "../states.ts";
import { decidedAt, decidedBy, findUserId, type Registration, registrationColumns } from "./registrations.ts";

/** The statements of decisions (`../decisions.ts`) but for the approval's, which spans both servers (`openings.ts`). */

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

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
