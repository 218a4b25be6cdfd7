import type { Kysely, Selectable } from "kysely";
import type { AuthDatabase, UserChangeKind, UserChangeTable } from "./database.ts";
import type { PasswordHash } from "./signups.ts";

type Db = Kysely<AuthDatabase>;

/** An email address update, password update, password reset or deletion that a user has under way. */
export interface UserChange {
  id: string;
  kind: UserChangeKind;
  secretHash: Uint8Array;
  /** Undefined on a decoy. */
  userId: string | undefined;
  shownUserId: string;
  /** The session it was begun in; a reset needs none. */
  sessionId: string | undefined;
  userEmailAddressCounter: number;
  userPasswordHashCounter: number;
  userDisabledCounter: number;
  /** By password, or in a reset by temporary password. */
  identityVerified: boolean;
  /** Of an email address update. */
  newEmailAddress: string | undefined;
  sealedCode: Uint8Array | undefined;
  newEmailAddressVerified: boolean;
  /** Of a reset. */
  temporaryPassword: PasswordHash | undefined;
  newPassword: PasswordHash | undefined;
  createdAt: number;
  expiresAt: number;
}

export async function insertUserChange(db: Db, change: UserChange): Promise<void> {
  await db
    .insertInto("user_changes")
    .values({
      id: change.id,
      kind: change.kind,
      secret_hash: change.secretHash,
      user_id: change.userId ?? null,
      shown_user_id: change.shownUserId,
      session_id: change.sessionId ?? null,
      user_email_address_counter: change.userEmailAddressCounter,
      user_password_hash_counter: change.userPasswordHashCounter,
      user_disabled_counter: change.userDisabledCounter,
      new_email_address: change.newEmailAddress ?? null,
      code: change.sealedCode ?? null,
      temporary_password_hash: change.temporaryPassword?.hash ?? null,
      temporary_password_hash_algorithm_id: change.temporaryPassword?.algorithmId ?? null,
      temporary_password_salt: change.temporaryPassword?.salt ?? null,
      created_at: change.createdAt,
      expires_at: change.expiresAt,
    })
    .execute();
}

export async function findUserChange(db: Db, kind: UserChangeKind, id: string): Promise<UserChange | undefined> {
  const row = await db
    .selectFrom("user_changes")
    .selectAll()
    .where("id", "=", id)
    .where("kind", "=", kind)
    .executeTakeFirst();
  return row && toUserChange(row);
}

/** The reset that was begun last for an address, whose temporary password its owner was mailed last. */
export async function findLatestReset(db: Db, shownUserId: string, now: number): Promise<UserChange | undefined> {
  const row = await db
    .selectFrom("user_changes")
    .selectAll()
    .where("kind", "=", "password_reset")
    .where("shown_user_id", "=", shownUserId)
    .where("expires_at", ">", now)
    .orderBy("number", "desc")
    .limit(1)
    .executeTakeFirst();
  return row && toUserChange(row);
}

/** False when it was gone. */
export async function deleteUserChange(db: Db, id: string): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom("user_changes").where("id", "=", id).executeTakeFirst();
  return numDeletedRows === 1n;
}

/** False when it was verified already, or is gone. */
export async function markUserChangeVerified(
  db: Db,
  id: string,
  flag: "identity_verified" | "new_email_address_verified",
  now: number,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("user_changes")
    .set({ [flag]: true })
    .where("id", "=", id)
    .where(flag, "=", false)
    .where("expires_at", ">", now)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** False when it has a new password already, or is gone. */
export async function setUserChangePassword(db: Db, id: string, password: PasswordHash, now: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("user_changes")
    .set({
      password_hash: password.hash,
      password_hash_algorithm_id: password.algorithmId,
      password_salt: password.salt,
    })
    .where("id", "=", id)
    .where("identity_verified", "=", true)
    .where("password_hash", "is", null)
    .where("expires_at", ">", now)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

function toUserChange(row: Selectable<UserChangeTable>): UserChange {
  return {
    id: row.id,
    kind: row.kind,
    secretHash: row.secret_hash,
    userId: row.user_id ?? undefined,
    shownUserId: row.shown_user_id,
    sessionId: row.session_id ?? undefined,
    userEmailAddressCounter: row.user_email_address_counter,
    userPasswordHashCounter: row.user_password_hash_counter,
    userDisabledCounter: row.user_disabled_counter,
    identityVerified: row.identity_verified,
    newEmailAddress: row.new_email_address ?? undefined,
    sealedCode: row.code ?? undefined,
    newEmailAddressVerified: row.new_email_address_verified,
    temporaryPassword: toHash(
      row.temporary_password_hash,
      row.temporary_password_hash_algorithm_id,
      row.temporary_password_salt,
    ),
    newPassword: toHash(row.password_hash, row.password_hash_algorithm_id, row.password_salt),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  };
}

function toHash(
  hash: Uint8Array | null,
  algorithmId: string | null,
  salt: Uint8Array | null,
): PasswordHash | undefined {
  return hash === null || algorithmId === null || salt === null ? undefined : { hash, algorithmId, salt };
}
