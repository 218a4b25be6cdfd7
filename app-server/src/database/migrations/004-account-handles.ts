import { type Kysely, sql } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("account_links")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("token_hash", "bytea", (column) => column.notNull().unique())
    .addColumn("kind", "text", (column) => column.notNull().check(sql`kind in ('password_reset', 'email_change')`))
    .addColumn("email", "text", (column) => column.notNull())
    .addColumn("email_norm", "text", (column) => column.notNull())
    .addColumn("user_id", "text", (column) => column.references("users.id").onDelete("cascade"))
    .addColumn("session_id", "text")
    .addColumn("standing", "text")
    .addColumn("is_open", "boolean", (column) => column.notNull().defaultTo(false))
    .addColumn("superseded", "boolean", (column) => column.notNull().defaultTo(false))
    .addColumn("opened_by", "text", (column) => column.notNull())
    .addColumn("auth_token", "bytea")
    .addColumn("code_mac", "bytea")
    .addColumn("used_at", "bigint")
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .addCheckConstraint("only_a_change_has_a_user", sql`(kind = 'email_change') = (user_id is not null)`)
    .execute();
  await db.schema
    .createIndex("account_links_opening")
    .unique()
    .on("account_links")
    .columns(["kind", "email_norm"])
    .where(sql<boolean>`not is_open`)
    .execute();
  await db.schema.createIndex("account_links_email").on("account_links").columns(["email_norm", "kind"]).execute();
  await db.schema.createIndex("account_links_user").on("account_links").column("user_id").execute();
  await db.schema.createIndex("account_links_expires_at").on("account_links").column("expires_at").execute();
  await db.schema.alterTable("mails").addColumn("link_id", "text").execute();
}
