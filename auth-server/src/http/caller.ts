import { callerKey, networkOf, type ProxyTrust, trustIn } from "@anteroom/shared/runtime/client-address";
import { causedByLink, causedBySite } from "@anteroom/shared/runtime/private-calls";
import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context } from "hono";
import type { Subject } from "../limits/guesses.ts";

/** Who makes a request, as far as that shows. */
export interface Caller {
  /** Their address, as limits count it. */
  key(): string;
  /** Of an address in a network that holds many callers, that network. */
  network(): string;
  /** What their browser or program calls itself, for people to recognise their sessions by. */
  userAgent(): string;
  /** The device they call from, if the password that the user has now was shown on it before. */
  device(user: Subject): string | undefined;
  /** Whether the app server makes a mailed link for them, which works for whoever reads it, or was shown that link. */
  isByLink(): boolean;
  /** Whether it is no visitor at all, but an administrator or the app server itself. */
  isSite(): boolean;
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
  const cause = () => (speaksForOthers ? c.req.header("x-anteroom-cause") : undefined);
  const key = () => {
    const remote = getConnInfo(c).remote.address ?? "";
    return callerKey(remote, (name) => c.req.header(name), speaksForOthers ? trustIn(remote) : proxies);
  };
  return {
    key,
    network: () => networkOf(key()) ?? key(),
    userAgent: () => (c.req.header("user-agent") ?? "").slice(0, 200),
    device: (user) => (speaksForOthers ? readDevice(c.req.header("x-anteroom-device"), user) : undefined),
    isByLink: () => cause() === causedByLink["x-anteroom-cause"],
    isSite: () => cause() === causedBySite["x-anteroom-cause"],
  };
}

/** `<device id>:<user id>@<password counter>[,…]`, as the app server read it from a cookie that it had signed. */
function readDevice(proof: string | undefined, { id, passwordHashCounter }: Subject): string | undefined {
  const [device, users] = proof?.split(":") ?? [];
  return users?.split(",").includes(`${id}@${passwordHashCounter}`) ? device : undefined;
}
