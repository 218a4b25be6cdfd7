import type { Kysely, Transaction } from "kysely";
import type { AppDatabase } from "../database/tables.ts";

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

/** Grants it, or extends it when it is there already. */
export async function grantPermission(
  db: Db,
  grant: { userId: string; permission: string; grantedBy: string; now: number; expiresAt: number | null },
): Promise<void> {
  const columns = { granted_by: grant.grantedBy, granted_at: grant.now, expires_at: grant.expiresAt };
  await db
    .insertInto("permissions")
    .values({ user_id: grant.userId, permission: grant.permission, ...columns })
    .onConflict((conflict) => conflict.columns(["user_id", "permission"]).doUpdateSet(columns))
    .execute();
}

/** False when there was none to take away. */
export async function revokePermission(db: Db, userId: string, permission: string): Promise<boolean> {
  const result = await db
    .deleteFrom("permissions")
    .where("user_id", "=", userId)
    .where("permission", "=", permission)
    .executeTakeFirst();
  return result.numDeletedRows === 1n;
}

export async function findAdministrator(db: Db, emailPattern = "%"): Promise<{ email: string } | undefined> {
  return db
    .selectFrom("permissions")
    .innerJoin("users", "users.id", "permissions.user_id")
    .select("users.email")
    .where("permissions.permission", "=", "admin")
    .where("users.disabled", "=", false)
    .where("users.email", "like", emailPattern)
    .limit(1)
    .executeTakeFirst();
}
