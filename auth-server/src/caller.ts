import { callerKey, type ProxyTrust, trustIn } from "@anteroom/shared/runtime/client-address";
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
 * @param proxies whose word on the address they were called from is believed
 * @param speaksForOthers the other server's is, whoever it calls for; it has a header of its own for that
 */
export function readCaller(
  c: Context,
  { proxies, speaksForOthers }: { proxies: ProxyTrust; speaksForOthers: boolean },
): Caller {
  return {
    key: () => {
      const remote = getConnInfo(c).remote.address ?? "";
      return callerKey(remote, (name) => c.req.header(name), speaksForOthers ? trustIn(remote) : proxies);
    },
    userAgent: () => (c.req.header("user-agent") ?? "").slice(0, 200),
  };
}
