import { type Kysely, sql } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await createMails(db);
  await db.schema
    .createTable("mail_suppressions")
    .addColumn("email_norm", "text", (column) => column.primaryKey())
    .addColumn("bounces", "integer", (column) => column.notNull())
    .addColumn("reason", "text", (column) => column.notNull())
    .addColumn("suppressed_at", "bigint")
    .addColumn("updated_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("mail_preferences")
    .addColumn("user_id", "text", (column) => column.notNull().references("users.id").onDelete("cascade"))
    .addColumn("type", "text", (column) => column.notNull())
    .addColumn("is_on", "boolean", (column) => column.notNull())
    .addPrimaryKeyConstraint("mail_preferences_pkey", ["user_id", "type"])
    .execute();
  await db.schema.alterTable("newusers").addColumn("language", "text").execute();
  await db.schema.alterTable("users").addColumn("language", "text").execute();
}

async function createMails(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("mails")
    .addColumn("id", "uuid", (column) => column.primaryKey())
    .addColumn("type", "text", (column) => column.notNull())
    .addColumn("email", "text", (column) => column.notNull())
    .addColumn("email_norm", "text", (column) => column.notNull())
    .addColumn("registration_id", "text")
    .addColumn("values", "jsonb", (column) => column.notNull())
    .addColumn("sealed_code", "bytea")
    .addColumn("status", "text", (column) =>
      column
        .notNull()
        .defaultTo("queued")
        .check(sql`status in ('queued', 'accepted', 'deferred', 'failed', 'bounced')`),
    )
    .addColumn("reason", "text")
    .addColumn("attempts", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("next_try_at", "bigint")
    .addColumn("try_until", "bigint", (column) => column.notNull())
    .addColumn("claimed_by", "text")
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("updated_at", "bigint", (column) => column.notNull())
    .addCheckConstraint("code_only_while_needed", sql`sealed_code is null or status in ('queued', 'deferred')`)
    .execute();
  await db.schema.createIndex("mails_email_norm").on("mails").columns(["email_norm", "created_at"]).execute();
  await db.schema.createIndex("mails_registration_id").on("mails").columns(["registration_id", "created_at"]).execute();
  await db.schema
    .createIndex("mails_next_try_at")
    .on("mails")
    .column("next_try_at")
    .where(sql<boolean>`next_try_at is not null`)
    .execute();
  await db.schema
    .createIndex("mails_open")
    .on("mails")
    .columns(["created_at", "id"])
    .where(sql<boolean>`status in ('queued', 'deferred')`)
    .execute();
  await db.schema
    .createIndex("mails_given_up")
    .on("mails")
    .columns(["updated_at", "id"])
    .where(sql<boolean>`status in ('failed', 'bounced')`)
    .execute();
  await db.schema.createIndex("mails_created_at").on("mails").columns(["created_at", "id"]).execute();
}
