import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import type { Kysely } from "kysely";
import type { AppDatabase } from "../database/tables.ts";
import type { MailType } from "./kinds.ts";

/** The statements on mailed codes (`codes.ts`). */

type Db = Kysely<AppDatabase>;

/** One code is kept per kind of mail and address: the newest. */
export function keyOf(type: MailType, email: EmailAddress): string {
  return `${type}:${email}`;
}

/** The keyed hash of the newest code, if it is not too old. */
export async function findCodeMac(
  db: Db,
  type: MailType,
  email: EmailAddress,
  now: number,
): Promise<Uint8Array | undefined> {
  const row = await db
    .selectFrom("tokens")
    .select("code_mac")
    .where("key", "=", keyOf(type, email))
    .where("expires_at", ">", now)
    .executeTakeFirst();
  return row?.code_mac;
}

/** Forgets the codes of an address that were mailed for one purpose. */
export async function deleteCode(db: Db, type: MailType, email: EmailAddress): Promise<void> {
  await db.deleteFrom("tokens").where("key", "=", keyOf(type, email)).execute();
}

/** For tests and automation: reads a code back and removes it. */
export async function takeCode(db: Db, type: MailType, email: EmailAddress): Promise<string | undefined> {
  const row = await db.deleteFrom("tokens").where("key", "=", keyOf(type, email)).returning("code").executeTakeFirst();
  return row?.code ?? undefined;
}

export async function purgeCodes(db: Db, now: number): Promise<void> {
  await db.deleteFrom("tokens").where("expires_at", "<=", now).execute();
}

/** All codes of an address, for whatever they were mailed. */
export async function deleteCodes(db: Db, email: EmailAddress): Promise<void> {
  await db
    .deleteFrom("tokens")
    .where("key", "like", `%:${email.replace(/[\\%_]/g, "\\$&")}`)
    .execute();
}
