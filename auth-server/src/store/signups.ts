import type { Kysely, Selectable } from "kysely";
import type { AuthDatabase, SignupTable } from "./database.ts";
import { type NewSession, toSessionRow } from "./sessions.ts";

type Db = Kysely<AuthDatabase>;

export interface Signup {
  id: string;
  secretHash: Uint8Array;
  familyId: string;
  emailAddress: string;
  sealedCode: Uint8Array;
  emailAddressVerified: boolean;
  password: PasswordHash | undefined;
  createdAt: number;
  expiresAt: number;
}

export interface PasswordHash {
  hash: Uint8Array;
  algorithmId: string;
  salt: Uint8Array;
}

export async function insertSignup(db: Db, signup: Omit<Signup, "emailAddressVerified" | "password">): Promise<void> {
  await db
    .insertInto("signups")
    .values({
      id: signup.id,
      secret_hash: signup.secretHash,
      family_id: signup.familyId,
      email_address: signup.emailAddress,
      code: signup.sealedCode,
      created_at: signup.createdAt,
      expires_at: signup.expiresAt,
    })
    .execute();
}

/**
 * Adds a signup to a family, copying what the family shares. Undefined when the family is gone or has `limit` siblings.
 * The row of the family's first is the lock: callers at once are counted one after the other.
 */
export async function insertSiblingSignup(
  db: Db,
  sibling: { id: string; secretHash: Uint8Array; familyId: string },
  limit: number,
): Promise<Signup | undefined> {
  const row = await db
    .with("family", (family) =>
      family
        .updateTable("signups")
        .set((eb) => ({ siblings: eb("siblings", "+", 1) }))
        .where("id", "=", sibling.familyId)
        .where("siblings", "<", limit)
        .returning(["id", "email_address", "code", "created_at", "expires_at"]),
    )
    .insertInto("signups")
    .columns(["id", "secret_hash", "family_id", "email_address", "code", "created_at", "expires_at"])
    .expression((eb) =>
      eb
        .selectFrom("family")
        .select((row) => [
          row.val(sibling.id).as("new_id"),
          row.val(sibling.secretHash).as("secret_hash"),
          "family.id",
          "email_address",
          "code",
          "created_at",
          "expires_at",
        ]),
    )
    .returningAll()
    .executeTakeFirst();
  return row && toSignup(row);
}

export async function findSignup(db: Db, id: string): Promise<Signup | undefined> {
  const row = await db.selectFrom("signups").selectAll().where("id", "=", id).executeTakeFirst();
  return row && toSignup(row);
}

/** A new code and a new end for a family that ends as the caller saw it: of callers at once the first renews it. */
export async function renewSignupFamily(
  db: Db,
  familyId: string,
  {
    sealedCode,
    expiresAt,
    endingBy,
    now,
  }: { sealedCode: Uint8Array; expiresAt: number; endingBy: number; now: number },
): Promise<void> {
  await db
    .updateTable("signups")
    .set({ code: sealedCode, expires_at: expiresAt })
    .where("family_id", "=", familyId)
    .where("expires_at", "=", endingBy)
    .where("expires_at", ">", now)
    .execute();
}

/** Whether anybody of the family has shown the code. */
export async function isFamilyVerified(db: Db, familyId: string): Promise<boolean> {
  const verified = await db
    .selectFrom("signups")
    .select("id")
    .where("family_id", "=", familyId)
    .where("email_address_verified", "=", true)
    .limit(1)
    .executeTakeFirst();
  return verified !== undefined;
}

/** False when it was verified already, or is gone. */
export async function markSignupVerified(db: Db, id: string, now: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("signups")
    .set({ email_address_verified: true })
    .where("id", "=", id)
    .where("email_address_verified", "=", false)
    .where("expires_at", ">", now)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** False when it is gone, or has another password than when `signup` was read. */
export async function setSignupPasswordHash(
  db: Db,
  { id, password: before }: Pick<Signup, "id" | "password">,
  password: PasswordHash,
  now: number,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("signups")
    .set({
      password_hash: password.hash,
      password_hash_algorithm_id: password.algorithmId,
      password_salt: password.salt,
    })
    .where("id", "=", id)
    .where("email_address_verified", "=", true)
    .where("password_hash", "is not distinct from", before?.hash ?? null)
    .where("expires_at", ">", now)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Deletes a signup; with a family's first, the family. False when it was gone. */
export async function deleteSignupRow(db: Db, id: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom("signups")
    .where((eb) => eb.or([eb("id", "=", id), eb("family_id", "=", id)]))
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

export async function deleteSignupFamily(db: Db, familyId: string): Promise<void> {
  await db.deleteFrom("signups").where("family_id", "=", familyId).execute();
}

/** The family ends and the session begins in one statement. */
export async function replaceSignupFamilyBySession(db: Db, familyId: string, session: NewSession): Promise<void> {
  await db
    .with("ended", (signups) => signups.deleteFrom("signups").where("family_id", "=", familyId))
    .insertInto("sessions")
    .values(toSessionRow(session))
    .execute();
}

function toSignup(row: Selectable<SignupTable>): Signup {
  return {
    id: row.id,
    secretHash: row.secret_hash,
    familyId: row.family_id,
    emailAddress: row.email_address,
    sealedCode: row.code,
    emailAddressVerified: row.email_address_verified,
    password: toPasswordHash(row),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  };
}

function toPasswordHash(row: Selectable<SignupTable>): PasswordHash | undefined {
  if (row.password_hash === null || row.password_hash_algorithm_id === null || row.password_salt === null)
    return undefined;
  return { hash: row.password_hash, algorithmId: row.password_hash_algorithm_id, salt: row.password_salt };
}
