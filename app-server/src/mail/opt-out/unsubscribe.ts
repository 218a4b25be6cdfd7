import { deriveKey, equalInConstantTime, hmacSha256 } from "@anteroom/shared/runtime/crypto";
import type { SwitchableMailType } from "@anteroom/shared/wire/app/accounts";
import type { Settings } from "../../settings.ts";
import { isSwitchable } from "../kinds.ts";

/** Whose mails of which kind a link switches off. */
export interface Unsubscription {
  userId: string;
  type: SwitchableMailType;
}

export type UnsubscribeLinks = ReturnType<typeof createUnsubscribeLinks>;

const tokenForm = /^([\w-]+)\.([a-z_]+)\.([\w-]{43})$/;

/**
 * The links that switch mails off without signing in. A token states its user and kind of mail and carries a keyed hash
 * of both: nothing is stored, and it never lapses, because people unsubscribe with mails of any age.
 */
export function createUnsubscribeLinks({ secret, frontendOrigin }: Pick<Settings, "secret" | "frontendOrigin">) {
  const key = deriveKey(secret, "unsubscribe");
  const sign = (userId: string, type: string) => hmacSha256(key, `${userId}.${type}`);

  return {
    urlOf: (userId: string, type: SwitchableMailType): string =>
      `${frontendOrigin}/mail/unsubscribe?token=${userId}.${type}.${sign(userId, type).toString("base64url")}`,
    /** Undefined for everything that `urlOf` did not make. */
    read: (token: string): Unsubscription | undefined => {
      const [, userId = "", type = "", given = ""] = tokenForm.exec(token) ?? [];
      if (!isSwitchable(type) || !equalInConstantTime(sign(userId, type), Buffer.from(given, "base64url")))
        return undefined;
      return { userId, type };
    },
  };
}
