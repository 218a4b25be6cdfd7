import { randomId } from "@anteroom/shared/runtime/crypto";
import { isUniqueViolation } from "@anteroom/shared/runtime/database/errors";
import type { User } from "@anteroom/shared/wire/user-server";
import { type Kysely, type Selectable, sql } from "kysely";
import type { AuthDatabase, UserTable } from "../store/database.ts";
import type { UserStore } from "./user-store.ts";

/**
 * Users in the auth server's own database. The same rules as of a user server: addresses are unique as they are given,
 * and a change goes through only under the counter its caller saw.
 */
export function createLocalUsers(db: Kysely<AuthDatabase>): UserStore {
  async function find(column: "id" | "email_address", value: string): Promise<User | undefined> {
    const row = await db.selectFrom("users").selectAll().where(column, "=", value).executeTakeFirst();
    return row && toUser(row);
  }

  return {
    createUser: async (given) => {
      const row = await db
        .insertInto("users")
        .values({
          id: randomId(),
          email_address: given.email_address,
          password_hash: Buffer.from(given.password_hash, "base64"),
          password_hash_algorithm_id: given.password_hash_algorithm_id,
          password_salt: Buffer.from(given.password_salt, "base64"),
        })
        .onConflict((conflict) => conflict.column("email_address").doNothing())
        .returningAll()
        .executeTakeFirst();
      return row ? { ok: true, values: { user: toUser(row) } } : { ok: false, error: "email_address_already_used" };
    },

    getUser: (userId) => find("id", userId),
    getUserByEmailAddress: (emailAddress) => find("email_address", emailAddress),

    updateUserEmailAddress: async (update) => {
      try {
        const isChanged = await change(db, update.user_id, "email_address_counter", update.user_email_address_counter, {
          email_address: update.email_address,
        });
        return isChanged ? { ok: true, values: {} } : { ok: false, error: "user_not_found" };
      } catch (error) {
        if (isUniqueViolation(error)) return { ok: false, error: "email_address_already_used" };
        throw error;
      }
    },

    updateUserPasswordHash: (update) =>
      change(db, update.user_id, "password_hash_counter", update.user_password_hash_counter, {
        password_hash: Buffer.from(update.password_hash, "base64"),
        password_hash_algorithm_id: update.password_hash_algorithm_id,
        password_salt: Buffer.from(update.password_salt, "base64"),
      }),

    incrementUserSessionsCounter: (userId, counter) => change(db, userId, "sessions_counter", counter, {}),

    deleteUser: async (userId) => {
      const { numDeletedRows } = await db.deleteFrom("users").where("id", "=", userId).executeTakeFirst();
      return numDeletedRows === 1n;
    },
  };
}

/** Changes a user under a counter, which goes up by one. False when the user is gone or the counter is another. */
async function change(
  db: Kysely<AuthDatabase>,
  userId: string,
  counter: "email_address_counter" | "password_hash_counter" | "sessions_counter",
  expected: number,
  columns: Partial<Pick<UserTable, "email_address" | "password_hash" | "password_hash_algorithm_id" | "password_salt">>,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("users")
    .set({ ...columns, [counter]: sql`${sql.ref(counter)} + 1` })
    .where("id", "=", userId)
    .where(counter, "=", expected)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

function toUser(row: Selectable<UserTable>): User {
  return {
    ...row,
    password_hash: Buffer.from(row.password_hash).toString("base64"),
    password_salt: Buffer.from(row.password_salt).toString("base64"),
  };
}
