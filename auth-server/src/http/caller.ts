import { networkOf } from "@anteroom/shared/runtime/http/client-address";
import type { Cause, RequestScope } from "@anteroom/shared/runtime/http/request-scope";
import type { Subject } from "../limits/guesses.ts";

/** Who makes a request, as limits see them. */
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
 */
export function callerOf(scope: RequestScope): Caller {
  const isFor = (cause: Cause) => scope.cause === cause;
  return {
    key: () => scope.caller,
    network: () => networkOf(scope.caller) ?? scope.caller,
    userAgent: () => scope.userAgent,
    device: (user) => readDevice(scope.device, user),
    isByLink: () => isFor("link"),
    isSite: () => isFor("site"),
  };
}

/** `<device id>:<user id>@<password counter>[,…]`, as the app server read it from a cookie that it had signed. */
function readDevice(proof: string | undefined, { id, passwordHashCounter }: Subject): string | undefined {
  const [device, users] = proof?.split(":") ?? [];
  return users?.split(",").includes(`${id}@${passwordHashCounter}`) ? device : undefined;
}
