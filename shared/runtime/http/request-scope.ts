import { AsyncLocalStorage } from "node:async_hooks";
import type { IncomingMessage } from "node:http";
import { randomId } from "../crypto.ts";
import { callerKey, type ProxyTrust, trustIn, trustInNobody } from "./client-address.ts";

/**
 * Of a call to the other server that is not a visitor's own. `site`: an administrator or the app server causes it; its mails
 * are counted apart, so that no stranger can use them up. `link`: a visitor asks for a link, whose mail is counted apart
 * from those that carry a code alone, or shows one: the guesses count for the link.
 */
export type Cause = "site" | "link";

/** The request under way, as far as whatever is done for it may want to know: who makes it, and what it is called. */
export interface RequestScope {
  /** Goes with the request from server to server, into every log line, and into its answer. */
  readonly id: string;
  /** The visitor's address as limits count it. */
  readonly caller: string;
  /** What the visitor's browser or program calls itself. */
  readonly userAgent: string;
  /** `<device id>:<user id>[,<user id>…]`: the users whose right password was shown from the visitor's device. */
  readonly device?: string | undefined;
  /** A `Cause`, where the other server names one. */
  readonly cause?: string | undefined;
  /** Whom the request turned out to be about. */
  subject?: Subject;
}

export interface Subject {
  user?: string | undefined;
  /** A mail address. */
  address?: string | undefined;
}

/**
 * Whose requests a listener takes: visitors', whose address shows by way of proxies, and whose device by what `device`
 * makes of their cookies; or the other server's, which says in headers of its own for whom it calls. Whoever cannot
 * prove to be that server is taken for a visitor.
 */
export type RequestSource =
  | { from: "visitors"; proxies: ProxyTrust; device?: (cookies: string | undefined) => string | undefined }
  | { from: "peer"; isPeer: (authorization: string | undefined) => boolean };

const requests = new AsyncLocalStorage<RequestScope>();

export function inRequest<T>(scope: RequestScope, work: () => T): T {
  return requests.run(scope, work);
}

/** For what a request has left to be done later: the log names it then too. */
export function inNameOf<T>(requestId: string | null, work: () => T): T {
  return requestId === null ? work() : inRequest({ id: requestId, caller: "", userAgent: "" }, work);
}

/** Undefined in whatever no request caused, such as work that is done by the clock. */
export function currentRequest(): RequestScope | undefined {
  return requests.getStore();
}

/** For those who answer for the whole request, such as its log. */
export function noteSubject(subject: Subject): void {
  const scope = requests.getStore();
  if (scope !== undefined) scope.subject = subject;
}

export function scopeOf(incoming: IncomingMessage, source: RequestSource): RequestScope {
  return new IncomingRequest(incoming, source);
}

/** How the other server is told for whom it is called. It reads them back as its own request's scope, and nothing else does. */
export function forwardingHeaders(cause?: Cause): Record<string, string> {
  const scope = requests.getStore();
  const named = cause === undefined ? {} : { "x-anteroom-cause": cause };
  if (scope === undefined) return named;
  return {
    ...named,
    "x-request-id": scope.id,
    "x-forwarded-for": scope.caller.replace(/\/64$/, ""),
    "user-agent": scope.userAgent,
    ...(scope.device === undefined ? {} : { "x-anteroom-device": scope.device }),
  };
}

/** Worked out when asked for: most requests are looks at a session, which count nobody. */
class IncomingRequest implements RequestScope {
  readonly #incoming: IncomingMessage;
  readonly #source: RequestSource;
  #isPeer: boolean | undefined;
  #id: string | undefined;
  #caller: string | undefined;
  subject?: Subject;

  constructor(incoming: IncomingMessage, source: RequestSource) {
    this.#incoming = incoming;
    this.#source = source;
  }

  get id(): string {
    this.#id ??= this.#givenId() ?? randomId();
    return this.#id;
  }

  get caller(): string {
    this.#caller ??= this.#findCaller();
    return this.#caller;
  }

  get userAgent(): string {
    return (this.#header("user-agent") ?? "").slice(0, 200);
  }

  get device(): string | undefined {
    if (this.#source.from === "visitors") return this.#source.device?.(this.#header("cookie"));
    return this.#speaksForOthers() ? this.#header("x-anteroom-device") : undefined;
  }

  get cause(): string | undefined {
    return this.#speaksForOthers() ? this.#header("x-anteroom-cause") : undefined;
  }

  #speaksForOthers(): boolean {
    this.#isPeer ??= this.#source.from === "peer" && this.#source.isPeer(this.#header("authorization"));
    return this.#isPeer;
  }

  #givenId(): string | undefined {
    const id = this.#speaksForOthers() ? this.#header("x-request-id") : undefined;
    return id !== undefined && /^[\w-]{1,64}$/.test(id) ? id : undefined;
  }

  #findCaller(): string {
    const remote = this.#incoming.socket.remoteAddress ?? "";
    return callerKey(remote, (name) => this.#header(name), this.#trust(remote));
  }

  #trust(remote: string): ProxyTrust {
    if (this.#source.from === "visitors") return this.#source.proxies;
    return this.#speaksForOthers() ? trustIn(remote) : trustInNobody;
  }

  #header(name: string): string | undefined {
    const value = this.#incoming.headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  }
}
