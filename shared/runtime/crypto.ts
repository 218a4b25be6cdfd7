import { createCipheriv, createDecipheriv, createHmac, hash, hkdfSync, randomBytes, randomFillSync } from "node:crypto";
import { constantTimeEqual } from "@oslojs/crypto/subtle";

const idAlphabet = "abcdefghijkmnpqrstuvwxyz23456789";
const codeAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/** 24 characters of Faroe's lower-case alphabet without look-alikes: 120 bits. */
export function randomId(): string {
  return randomText(24, idAlphabet);
}

/** 26 of them: 130 bits, which NIST and OWASP ask for. */
export function randomSecret(): string {
  return randomText(26, idAlphabet);
}

/** `length` characters of the upper-case alphabet without look-alikes: 5 bits each. For codes that people type. */
export function randomCode(length: number): string {
  return randomText(length, codeAlphabet);
}

/** An id that is always the same for one key and text, so that it looks random and yet repeats. */
export function derivedId(key: Uint8Array, text: string): string {
  return spell(createHmac("sha256", key).update(text).digest().subarray(0, 24), idAlphabet);
}

/** Fetching random bytes for many texts at once costs a tenth of fetching them for each. What is used is wiped. */
const randomness = Buffer.alloc(4_096);
let used = randomness.length;

function randomText(length: number, alphabet: string): string {
  if (used + length > randomness.length) {
    randomFillSync(randomness);
    used = 0;
  }
  const bytes = randomness.subarray(used, used + length);
  used += length;
  const text = spell(bytes, alphabet);
  bytes.fill(0);
  return text;
}

/** One character a byte; 32 characters divide 256 evenly, so none is likelier than another. */
function spell(bytes: Uint8Array, alphabet: string): string {
  let text = "";
  for (const byte of bytes) text += alphabet[byte >> 3];
  return text;
}

/** For secrets of 112 bits and more; anything shorter needs a key or a password hash. */
export function sha256(text: string): Buffer {
  return hash("sha256", text, "buffer");
}

/** Keyed hash: for short secrets such as mailed codes, which a plain hash would not protect. */
export function hmacSha256(key: Uint8Array, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  return constantTimeEqual(a, b);
}

/** A key for one purpose out of the server's secret, so that no two uses share a key. */
export function deriveKey(secret: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, new Uint8Array(0), `anteroom/${purpose}`, 32));
}

/**
 * AES-256-GCM. `context` names the row the text belongs to; a sealed text moved to another row does not open.
 * Form: 12 bytes nonce, 16 bytes tag, ciphertext.
 */
export function seal(key: Uint8Array, text: string, context: string): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(context));
  const ciphertext = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]);
}

/** What is sealed belongs to another key, as after a change of the secret, or was changed. */
export class SealedOtherwise extends Error {
  override readonly name = "SealedOtherwise";
}

/** The text that `seal` was given. Throws SealedOtherwise when key or context differ or the bytes were changed. */
export function unseal(key: Uint8Array, sealed: Uint8Array, context: string): string {
  const text = openSealed(key, sealed, context);
  if (text === undefined) throw new SealedOtherwise(`What is sealed as "${context}" does not open.`);
  return text;
}

/** The same, but undefined then. */
export function openSealed(key: Uint8Array, sealed: Uint8Array, context: string): string | undefined {
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12), { authTagLength: 16 });
  decipher.setAAD(Buffer.from(context)).setAuthTag(sealed.subarray(12, 28));
  const text = decipher.update(sealed.subarray(28), undefined, "utf8");
  try {
    return text + decipher.final("utf8");
  } catch {
    return undefined;
  }
}
