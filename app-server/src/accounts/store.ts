import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import type { Language } from "@anteroom/shared/wire/languages";
import { type Kysely, sql, type Transaction } from "kysely";
import { permissionHolds, selectAdministrators } from "../database/fragments.ts";
import type { AppDatabase, UserTable } from "../database/tables.ts";
import { standingColumn } from "./link-store.ts";

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

/** A signed-in person. */
export interface Caller {
  userId: string;
  email: string;
  firstname: string;
  lastname: string;
  permissions: string[];
}

export async function findUserWithPermissions(db: Db, userId: string, now: number): Promise<Caller | undefined> {
  const rows = await db
    .selectFrom("users")
    .leftJoin("permissions", (join) => join.onRef("permissions.user_id", "=", "users.id").on(permissionHolds(now)))
    .select(["users.id", "users.email", "users.firstname", "users.lastname", "permissions.permission"])
    .where("users.id", "=", userId)
    .where("users.disabled", "=", false)
    .orderBy("permissions.permission")
    .execute();
  const [user] = rows;
  if (!user) return undefined;
  return {
    userId: user.id,
    email: user.email,
    firstname: user.firstname,
    lastname: user.lastname,
    permissions: rows.flatMap((row) => row.permission ?? []),
  };
}

/** By name: a server that runs while a newer one adds a column to the table goes on with the statements it has prepared. */
const userColumns = [
  "id",
  "email",
  "email_norm",
  "firstname",
  "lastname",
  "password_hash",
  "password_hash_algorithm_id",
  "password_salt",
  "registration_id",
  "disabled",
  "email_address_counter",
  "password_hash_counter",
  "disabled_counter",
  "sessions_counter",
  "language",
  "created_at",
] as const;

export async function findUser(db: Db, by: { id: string } | { email: EmailAddress }) {
  return db
    .selectFrom("users")
    .select(userColumns)
    .where((eb) => ("id" in by ? eb("id", "=", by.id) : eb("email_norm", "=", by.email)))
    .executeTakeFirst();
}

type NewUser = Pick<
  UserTable,
  "id" | "email" | "email_norm" | "firstname" | "lastname" | "language" | "registration_id" | "created_at"
> & {
  password_hash: Uint8Array;
  password_hash_algorithm_id: string;
  password_salt: Uint8Array;
};

/** False when the address is a user's already. */
export async function insertUser(db: Db, user: NewUser): Promise<boolean> {
  const result = await db
    .insertInto("users")
    .values(user)
    .onConflict((conflict) => conflict.column("email_norm").doNothing())
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows === 1n;
}

/** Changes the address if the counter is still the one the caller saw; the counter goes up with it. */
export async function updateEmailAddress(
  db: Db,
  change: { userId: string; email: string; emailNorm: EmailAddress; counter: number },
): Promise<boolean> {
  const result = await db
    .updateTable("users")
    .set({
      email: change.email,
      email_norm: change.emailNorm,
      email_address_counter: sql`email_address_counter + 1`,
    })
    .where("id", "=", change.userId)
    .where("email_address_counter", "=", change.counter)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

export async function updatePasswordHash(
  db: Db,
  change: {
    userId: string;
    hash: Uint8Array;
    algorithmId: string;
    salt: Uint8Array;
    counter: number;
    /** Whether whoever is signed in, by the old password, is out. */
    endsSessions: boolean;
  },
): Promise<boolean> {
  const result = await db
    .updateTable("users")
    .set({
      password_hash: change.hash,
      password_hash_algorithm_id: change.algorithmId,
      password_salt: change.salt,
      password_hash_counter: sql`password_hash_counter + 1`,
      ...(change.endsSessions ? { sessions_counter: sql`sessions_counter + 1` } : {}),
    })
    .where("id", "=", change.userId)
    .where("password_hash_counter", "=", change.counter)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

export async function incrementSessionsCounter(db: Db, userId: string, counter: number): Promise<boolean> {
  const result = await db
    .updateTable("users")
    .set({ sessions_counter: sql`sessions_counter + 1` })
    .where("id", "=", userId)
    .where("sessions_counter", "=", counter)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

export async function deleteUser(db: Db, userId: string): Promise<boolean> {
  const result = await db.deleteFrom("users").where("id", "=", userId).executeTakeFirst();
  return result.numDeletedRows === 1n;
}

/** The user's counters as one text (link-store.ts). */
export async function readStanding(db: Db, userId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom("users")
    .select(standingColumn.as("standing"))
    .where("id", "=", userId)
    .executeTakeFirst();
  return row?.standing;
}

export async function lockUser(trx: Transaction<AppDatabase>, userId: string) {
  return trx
    .selectFrom("users")
    .select(userColumns)
    .select(standingColumn.as("standing"))
    .where("id", "=", userId)
    .forUpdate()
    .executeTakeFirst();
}

export async function updateNames(
  db: Db,
  userId: string,
  names: { firstname: string; lastname: string },
): Promise<void> {
  await db.updateTable("users").set(names).where("id", "=", userId).execute();
}

export async function storeLanguage(db: Db, userId: string, language: Language): Promise<void> {
  await db.updateTable("users").set({ language }).where("id", "=", userId).execute();
}

/** Either way the auth server ends what the user had begun: it compares the counter. */
export async function storeDisabled(db: Db, userId: string, disabled: boolean): Promise<void> {
  await db
    .updateTable("users")
    .set({ disabled, disabled_counter: sql`disabled_counter + 1` })
    .where("id", "=", userId)
    .execute();
}

/** No session made before is valid any more. */
export async function storeSessionsEnded(db: Db, userId: string): Promise<void> {
  await db.updateTable("users").set({ sessions_counter: sql`sessions_counter + 1` }).where("id", "=", userId).execute();
}

/** All who can act as administrators, as mails know them. */
export async function listAdministratorAddresses(db: Db, now: number) {
  return selectAdministrators(db, now).select("users.email").execute();
}

/** The ids of all who can act as administrators. */
export async function listAdministrators(db: Db, now: number): Promise<string[]> {
  return (await selectAdministrators(db, now).execute()).map(({ id }) => id);
}

/** The same, and nobody else's deletion goes by the list until this transaction ends. */
export async function lockAdministrators(trx: Transaction<AppDatabase>, now: number): Promise<string[]> {
  return (await selectAdministrators(trx, now).forUpdate().execute()).map(({ id }) => id);
}

export async function listPermissions(db: Db, userId: string) {
  return db
    .selectFrom("permissions")
    .select(["permission", "granted_by", "granted_at", "expires_at"])
    .where("user_id", "=", userId)
    .orderBy("permission")
    .execute();
}
