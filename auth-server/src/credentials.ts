import {
  equalInConstantTime,
  randomCode,
  randomId,
  randomSecret,
  seal,
  sha256,
  unseal,
} from "@anteroom/shared/runtime/crypto";

/** What becomes of a token: the id and the hash are stored, the token is given to the caller. */
export interface Credential {
  id: string;
  secretHash: Buffer;
  /** `<id>.<secret>` */
  token: string;
}

export interface TokenParts {
  id: string;
  secret: string;
}

const tokenPattern = /^([a-km-np-z2-9]{24})\.([^.]{0,255})$/;

/** The secret has 130 bits (R23); in strict mode 120, which is Faroe's form. */
export function createCredential({ strict }: { strict: boolean }): Credential {
  const id = randomId();
  const secret = strict ? randomId() : randomSecret();
  return { id, secretHash: sha256(secret), token: `${id}.${secret}` };
}

/**
 * Undefined when the token's first part cannot be an id, so that nothing else is ever looked up. The secret may be any
 * text: in Faroe, and so in strict mode, a token with a right id and nonsense behind it still has its effect.
 */
export function parseToken(token: string): TokenParts | undefined {
  const match = tokenPattern.exec(token);
  return match ? { id: match[1] ?? "", secret: match[2] ?? "" } : undefined;
}

export function isRightSecret(secretHash: Uint8Array, { secret }: TokenParts): boolean {
  return equalInConstantTime(sha256(secret), secretHash);
}

/** 8 characters, 40 bits: enough while guesses are limited. */
export function createEmailVerificationCode(): string {
  return randomCode(8);
}

/** 12 characters, 60 bits. */
export function createTemporaryPassword(): string {
  return randomCode(12);
}

/** `ownerId` binds the sealed code to the signups of a family, or to an email address update. */
export function sealCode(key: Uint8Array, code: string, ownerId: string): Buffer {
  return seal(key, code, `code of ${ownerId}`);
}

export function unsealCode(key: Uint8Array, sealed: Uint8Array, ownerId: string): string {
  return unseal(key, sealed, `code of ${ownerId}`);
}

/** Case, length and surrounding space count. */
export function isRightCode(expected: string, given: string): boolean {
  return equalInConstantTime(sha256(expected), sha256(given));
}
