import { derivedId, deriveKey, hmacSha256, openSealed, seal, sha256 } from "@anteroom/shared/runtime/crypto";
import { encodeBase64urlNoPadding } from "@oslojs/encoding";

export type Credentials = ReturnType<typeof createCredentials>;

/**
 * Stands for a token that was sealed with a secret which is no longer there. The auth server knows it as little as one
 * that has run out, and so the same can be done about it.
 */
export const noToken = "";

/**
 * The secrets of registrations and of the links that members get. A registration token is derived from the row's id with the server's key: the mail needs
 * it again at approval, and yet the database holds only its hash. Sign-up tokens must be shown again too, so they are
 * sealed; codes only need comparing, so a keyed hash is kept.
 */
export function createCredentials(secret: Uint8Array) {
  const tokenKey = deriveKey(secret, "registration-token");
  const requestKey = deriveKey(secret, "request-id");
  const signupTokenKey = deriveKey(secret, "signup-token");
  const codeKey = deriveKey(secret, "mailed-code");
  const linkTokenKey = deriveKey(secret, "account-link-token");
  const authTokenKey = deriveKey(secret, "account-link-auth-token");
  const proofKey = deriveKey(secret, "password-proof");
  return {
    /** The id of the registration that a client asks for with a key of its own: the same each time. */
    requestId: (email: string, key: string) => derivedId(requestKey, `${email}\0${key}`),
    /** 43 characters, 256 bits. */
    registrationToken: (registrationId: string) => encodeBase64urlNoPadding(hmacSha256(tokenKey, registrationId)),
    hashToken: (token: string) => sha256(token),
    sealSignupToken: (registrationId: string, token: string) => seal(signupTokenKey, token, registrationId),
    unsealSignupToken: (registrationId: string, sealed: Uint8Array) =>
      openSealed(signupTokenKey, sealed, registrationId) ?? noToken,
    /** For the links by which members recover or change their account; 43 characters too. */
    linkToken: (linkId: string) => encodeBase64urlNoPadding(hmacSha256(linkTokenKey, linkId)),
    sealAuthToken: (linkId: string, token: string) => seal(authTokenKey, token, linkId),
    unsealAuthToken: (linkId: string, sealed: Uint8Array) => openSealed(authTokenKey, sealed, linkId) ?? noToken,
    /** That the password of a session was shown at a time. */
    proofOf: (sessionId: string, at: number) => encodeBase64urlNoPadding(hmacSha256(proofKey, `${sessionId}\0${at}`)),
    codeMac: (subject: string, code: string) => hmacSha256(codeKey, `${subject}\0${code}`),
  };
}
