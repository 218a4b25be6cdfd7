import { equalInConstantTime } from "@anteroom/shared/runtime/crypto";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import type { Kysely } from "kysely";
import type { AppContext } from "../context.ts";
import type { AppDatabase, TokenTable } from "../database/tables.ts";
import type { MailType } from "./kinds.ts";

/** As long as the auth server accepts codes by default of whose end it tells nothing. */
const codeTtl = 20 * 60;

function keyOf(type: MailType, email: EmailAddress): string {
  return `${type}:${email}`;
}

/** What is kept of a mailed code: the newest per kind and address. It is readable under TEST_MODE only. */
export function codeRow(
  { credentials, settings }: Pick<AppContext, "credentials" | "settings">,
  mail: { type: MailType; email: EmailAddress; code: string; codeExpiresAt: number | undefined },
  now: number,
): TokenTable {
  const key = keyOf(mail.type, mail.email);
  return {
    key,
    code_mac: credentials.codeMac(key, mail.code),
    code: settings.testMode ? mail.code : null,
    timestamp: now,
    expires_at: mail.codeExpiresAt ?? now + codeTtl,
  };
}

/** Whether this is the newest code of a sign-up that was mailed to the address, and not too old. */
export async function isMailedCode(context: AppContext, email: EmailAddress, code: string): Promise<boolean> {
  const key = keyOf("signup_verification", email);
  const row = await context.db
    .selectFrom("tokens")
    .select("code_mac")
    .where("key", "=", key)
    .where("expires_at", ">", context.clock.now())
    .executeTakeFirst();
  const mac = context.credentials.codeMac(key, code);
  return equalInConstantTime(mac, row?.code_mac ?? Buffer.alloc(mac.length));
}

/** Forgets the codes of an address that were mailed for one purpose. */
export async function deleteCode(db: Kysely<AppDatabase>, type: MailType, email: EmailAddress): Promise<void> {
  await db.deleteFrom("tokens").where("key", "=", keyOf(type, email)).execute();
}

/** For tests and automation: reads a code back and removes it. */
export async function takeCode(
  db: Kysely<AppDatabase>,
  type: MailType,
  email: EmailAddress,
): Promise<string | undefined> {
  const row = await db.deleteFrom("tokens").where("key", "=", keyOf(type, email)).returning("code").executeTakeFirst();
  return row?.code ?? undefined;
}

export async function purgeCodes(db: Kysely<AppDatabase>, now: number): Promise<void> {
  await db.deleteFrom("tokens").where("expires_at", "<=", now).execute();
}

/** All codes of an address, for whatever they were mailed. */
export async function deleteCodes(db: Kysely<AppDatabase>, email: EmailAddress): Promise<void> {
  await db
    .deleteFrom("tokens")
    .where("key", "like", `%:${email.replace(/[\\%_]/g, "\\$&")}`)
    .execute();
}
