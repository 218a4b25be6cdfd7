import { deriveKey, equalInConstantTime, hmacSha256 } from "@anteroom/shared/runtime/crypto";
import type { Settings } from "../../settings.ts";

export type ReturnPaths = ReturnType<typeof createReturnPaths>;

const form = /^bounce\+([0-9a-f]{32})-([0-9a-f]{16})@(.+)$/;

/**
 * An address for each mail to come back to (VERP), so that a bounce says by where it arrives which mail it is about. The
 * keyed hash lets nobody make bounces up; 64 bits are enough where every guess takes a mail. Lower-case hexadecimal
 * outlives relays that change case, and 56 characters fit the 64 of a local part (RFC 5321, 4.5.3.1.1).
 */
export function createReturnPaths({ secret, inbound }: Pick<Settings, "secret" | "inbound">) {
  const key = deriveKey(secret, "return-path");
  const sign = (digits: string) => hmacSha256(key, digits).subarray(0, 8);

  return {
    /** Undefined when nothing listens for mails that come back. */
    of: (mailId: string): string | undefined => {
      if (!inbound) return undefined;
      const digits = mailId.replaceAll("-", "");
      return `bounce+${digits}-${sign(digits).toString("hex")}@${inbound.domain}`;
    },
    /** The mail whose return path this is; undefined for everything that `of` did not make. */
    mailIdOf: (address: string): string | undefined => {
      const [, digits = "", given = "", domain] = form.exec(address.trim().toLowerCase()) ?? [];
      if (!inbound || domain !== inbound.domain) return undefined;
      if (!equalInConstantTime(sign(digits), Buffer.from(given, "hex"))) return undefined;
      return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
    },
  };
}
