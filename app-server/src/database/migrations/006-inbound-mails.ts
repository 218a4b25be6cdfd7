import { type Kysely, sql } from "kysely";

/** What arrives at return paths is kept with what it came to, and addresses that seemed dead are tried again in time. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("inbound_mails")
    .addColumn("id", "bigint", (column) => column.primaryKey().generatedAlwaysAsIdentity())
    .addColumn("mail_id", "uuid", (column) => column.references("mails.id").onDelete("cascade"))
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("outcome", "text", (column) => column.notNull())
    .addColumn("reason", "text")
    .addColumn("excerpt", "text", (column) => column.notNull())
    .addColumn("received_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("inbound_mails_mail_id").on("inbound_mails").column("mail_id").execute();
  await db.schema.createIndex("inbound_mails_received_at").on("inbound_mails").column("received_at").execute();
  await db.schema.alterTable("mail_suppressions").addColumn("suppressed_until", "bigint").execute();
  await db.schema.alterTable("mail_suppressions").addColumn("last_mail_id", "uuid").execute();
  // They were counted for whatever reason mails came back.
  await sql`update mail_suppressions set suppressed_until = suppressed_at + 14 * 86400`.execute(db);
}
