import { callerKey } from "@anteroom/shared/runtime/client-address";
import type { Network } from "@anteroom/shared/runtime/settings";
import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context } from "hono";

/** Who makes a request, as far as that shows. */
export interface Caller {
  /** Their address, as limits count it. */
  key(): string;
  /** What their browser or program calls itself, for people to recognise their sessions by. */
  userAgent(): string;
}

/**
 * Worked out when asked for: most requests are looks at a session, which count nobody. Functions rather than getters:
 * V8 keeps the shape of every object made with getters, and through them the whole request, until a full collection.
 *
 * @param trustedProxies whose word on the address they called from is believed
 */
export function readCaller(c: Context, trustedProxies: readonly Network[]): Caller {
  return {
    key: () => {
      const forwarded = { forwarded: c.req.header("forwarded"), xForwardedFor: c.req.header("x-forwarded-for") };
      return callerKey(getConnInfo(c).remote.address ?? "", forwarded, trustedProxies);
    },
    userAgent: () => (c.req.header("user-agent") ?? "").slice(0, 200),
  };
}
