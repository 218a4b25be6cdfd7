import { type Kysely, sql, type Transaction } from "kysely";
import type { AppDatabase, UserTable } from "../database.ts";
import type { Caller } from "./session.ts";

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

export async function findUserWithPermissions(db: Db, userId: string, now: number): Promise<Caller | undefined> {
  const rows = await db
    .selectFrom("users")
    .leftJoin("permissions", (join) =>
      join
        .onRef("permissions.user_id", "=", "users.id")
        .on((eb) => eb.or([eb("permissions.expires_at", "is", null), eb("permissions.expires_at", ">", now)])),
    )
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

export async function findUser(db: Db, by: { id: string } | { emailNorm: string }) {
  return db
    .selectFrom("users")
    .selectAll()
    .where((eb) => ("id" in by ? eb("id", "=", by.id) : eb("email_norm", "=", by.emailNorm)))
    .executeTakeFirst();
}

type NewUser = Pick<UserTable, "id" | "email" | "email_norm" | "firstname" | "lastname" | "language" | "created_at"> & {
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
  change: { userId: string; email: string; emailNorm: string; counter: number },
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
  change: { userId: string; hash: Uint8Array; algorithmId: string; salt: Uint8Array; counter: number },
): Promise<boolean> {
  const result = await db
    .updateTable("users")
    .set({
      password_hash: change.hash,
      password_hash_algorithm_id: change.algorithmId,
      password_salt: change.salt,
      password_hash_counter: sql`password_hash_counter + 1`,
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
