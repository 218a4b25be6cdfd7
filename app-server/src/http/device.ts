import type { Clock } from "@anteroom/shared/runtime/clock";
import { deriveKey, equalInConstantTime, hmacSha256, randomId } from "@anteroom/shared/runtime/crypto";
import { encodeBase64urlNoPadding } from "@oslojs/encoding";
import type { Context } from "hono";
import { setCookie } from "hono/cookie";
import { parse } from "hono/utils/cookie";
import { findUser } from "../accounts/store.ts";
import type { AppContext } from "../context.ts";

/**
 * Known devices: a signed cookie says for whom a right password was shown in this browser, which password that was and
 * when. It opens nothing; whoever guesses wrong from elsewhere does not use up the guesses of such a device
 * (docs/decisions/019). Its content is `<device id>:<user id>@<password counter>@<seconds>[,…]`; the auth server reads it
 * without the seconds in `X-Anteroom-Device`, and knows whether that password is still the user's.
 */

const cookieName = "__Host-device";

/** How many people one device is kept for. */
const mostUsers = 5;

/** Half a year after the last right password of a user. */
const lifetime = 180 * 86_400;

export type Devices = ReturnType<typeof createDevices>;

export function createDevices(secret: Uint8Array, clock: Clock) {
  const key = deriveKey(secret, "known-device");
  const sign = (proof: string) => encodeBase64urlNoPadding(hmacSha256(key, proof));

  /** What a request's cookies prove and is not too old. */
  function parseProof(cookies: string | undefined): { device: string; shown: readonly string[] } | undefined {
    const value = cookies === undefined ? undefined : parse(cookies, cookieName)[cookieName];
    const [proof = "", signature = ""] = value?.split(".") ?? [];
    if (!value || !equalInConstantTime(Buffer.from(sign(proof)), Buffer.from(signature))) return undefined;
    const [device = "", shown = ""] = proof.split(":");
    const isYoung = (entry: string) => clock.now() - Number(entry.split("@")[2]) < lifetime;
    return { device, shown: shown.split(",").filter(isYoung) };
  }

  return {
    /** As the auth server reads it. */
    read: (cookies: string | undefined): string | undefined => {
      const { device, shown = [] } = parseProof(cookies) ?? {};
      return shown.length === 0
        ? undefined
        : `${device}:${shown.map((entry) => entry.split("@", 2).join("@")).join(",")}`;
    },
    /** The cookie's value once the user's password was shown, too. */
    remember: (cookies: string | undefined, userId: string, passwordCounter: number): string => {
      const { device = randomId(), shown = [] } = parseProof(cookies) ?? {};
      const others = shown.filter((entry) => !entry.startsWith(`${userId}@`));
      const entry = `${userId}@${passwordCounter}@${clock.now()}`;
      const proof = `${device}:${[entry, ...others].slice(0, mostUsers).join(",")}`;
      return `${proof}.${sign(proof)}`;
    },
  };
}

/**
 * After a right password: from now on this browser is known to be the user's, until the password is another. What the
 * password was shown for stands, also when this does not succeed.
 */
export async function rememberDevice(http: Context, { db, devices, log }: AppContext, userId: string): Promise<void> {
  const user = await findUser(db, { id: userId }).catch((error: unknown) => {
    log.warn({ err: error, user: userId }, "a device could not be remembered");
    return undefined;
  });
  if (user === undefined) return;
  const value = devices.remember(http.req.header("cookie"), userId, user.password_hash_counter);
  setCookie(http, "device", value, {
    prefix: "host",
    path: "/",
    secure: true,
    httpOnly: true,
    sameSite: "Lax",
    maxAge: lifetime,
  });
}
