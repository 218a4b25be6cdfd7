import { deriveKey, seal, unseal } from "@anteroom/shared/runtime/crypto";
import type { Settings } from "../../settings.ts";
import { choiceOf } from "../kinds.ts";
import type { DueMail } from "../request.ts";
import type { ClaimedMail } from "../store.ts";

export type CodeSeal = ReturnType<typeof createCodeSeal>;

/** Codes lie in the database sealed, each bound to its own mail. */
export function createCodeSeal(settings: Settings) {
  const key = deriveKey(settings.secret, "mail-code");
  return {
    seal: (mail: { id: string; type: string }, code: string): Buffer => seal(key, code, `${mail.id}:${mail.type}`),
    unseal: (mail: { id: string; type: string }, sealed: Uint8Array): string =>
      unseal(key, sealed, `${mail.id}:${mail.type}`),
  };
}

/** A claimed row as composing and delivering want it. */
export function toDueMail(row: ClaimedMail, settings: Settings, codes: CodeSeal): DueMail {
  return {
    id: row.id,
    type: row.type,
    email: row.email,
    values: row.values,
    language: row.language ?? settings.language,
    // The id tells the millisecond, by which files of mails are named and sorted.
    createdAt: new Date(row.created_at * 1_000 + (Number.parseInt(row.id.slice(0, 13).replace("-", ""), 16) % 1_000)),
    ...(row.registration_id === null ? {} : { registrationId: row.registration_id }),
    ...(row.link_id === null ? {} : { linkId: row.link_id }),
    ...(row.sealed_code === null ? {} : { code: codes.unseal(row, row.sealed_code) }),
    ...(choiceOf(row.type) && row.user_id !== null ? { userId: row.user_id } : {}),
  };
}
