import { deriveKey, equalInConstantTime, hmacSha256, randomId } from "@anteroom/shared/runtime/crypto";
import { encodeBase64urlNoPadding } from "@oslojs/encoding";
import type { Context } from "hono";
import { setCookie } from "hono/cookie";
import { parse } from "hono/utils/cookie";
import type { AppContext } from "../context.ts";

/**
 * Known devices: a signed cookie says for whom a right password was shown in this browser. It opens nothing; whoever
 * guesses wrong from elsewhere does not use up the guesses of such a device (docs/decisions/019). Its content is
 * `<device id>:<user id>[,<user id>…]`, as the auth server reads it in `X-Anteroom-Device`.
 */

const cookieName = "__Host-device";

/** How many people one device is kept for. */
const mostUsers = 5;

/** Half a year after the last right password. */
const seconds = 180 * 86_400;

export type Devices = ReturnType<typeof createDevices>;

export function createDevices(secret: Uint8Array) {
  const key = deriveKey(secret, "known-device");
  const sign = (proof: string) => encodeBase64urlNoPadding(hmacSha256(key, proof));
  return {
    /** What a request's cookies prove; undefined where they prove nothing. */
    read: (cookies: string | undefined): string | undefined => {
      const value = cookies === undefined ? undefined : parse(cookies, cookieName)[cookieName];
      const [proof = "", signature = ""] = value?.split(".") ?? [];
      return value && equalInConstantTime(Buffer.from(sign(proof)), Buffer.from(signature)) ? proof : undefined;
    },
    /** The cookie's value once the user's password was shown, too. */
    remember: (before: string | undefined, userId: string): string => {
      const [device = randomId(), users = ""] = before?.split(":") ?? [];
      const others = users.split(",").filter((user) => user && user !== userId);
      const proof = `${device}:${[userId, ...others].slice(0, mostUsers).join(",")}`;
      return `${proof}.${sign(proof)}`;
    },
  };
}

/** After a right password: from now on this browser is known to be the user's. */
export function rememberDevice(http: Context, { devices }: AppContext, userId: string): void {
  const before = devices.read(http.req.header("cookie"));
  setCookie(http, "device", devices.remember(before, userId), {
    prefix: "host",
    path: "/",
    secure: true,
    httpOnly: true,
    sameSite: "Lax",
    maxAge: seconds,
  });
}
