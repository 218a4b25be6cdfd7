import { equalInConstantTime } from "@anteroom/shared/runtime/crypto";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import type { AppContext } from "../context.ts";
import type { TokenTable } from "../database/tables.ts";
import { findCodeMac, keyOf } from "./code-store.ts";
import type { MailType } from "./kinds.ts";

/** How many seconds a code is kept whose end the auth server does not tell: as long as it takes such a code by default. */
const codeTtl = 20 * 60;

/** What is kept of a mailed code. The code itself is there under TEST_MODE only. */
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
export async function isMailedCode(
  { db, credentials, clock }: AppContext,
  email: EmailAddress,
  code: string,
): Promise<boolean> {
  const kept = await findCodeMac(db, "signup_verification", email, clock.now());
  const mac = credentials.codeMac(keyOf("signup_verification", email), code);
  return equalInConstantTime(mac, kept ?? Buffer.alloc(mac.length));
}
