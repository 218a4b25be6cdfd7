import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { Pool } from "./http-pool.ts";
import { forwardingHeaders } from "./request-scope.ts";
import type { SecurityEvents } from "./security-events.ts";

/**
 * A call to the other server that brought no answer. `delivered` is "no" when the request certainly never reached it,
 * "unknown" when it may have been carried out: a timeout, or a connection lost after sending.
 */
export class CallFailed extends Error {
  override readonly name = "CallFailed";
  readonly delivered: "no" | "unknown";
  /** Whether the other server answered that it does not know our secret. */
  readonly isRefused: boolean;
  constructor(message: string, delivered: "no" | "unknown" | "refused", options: ErrorOptions) {
    super(message, options);
    this.delivered = delivered === "refused" ? "no" : delivered;
    this.isRefused = delivered === "refused";
  }
}

export interface Peer {
  /** POSTs JSON, with who makes the request under way and its id. Resolves with any HTTP answer; `body` is undefined when it is not JSON. Throws CallFailed. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<{ status: number; body: unknown }>;
  /** Whether the other server answers, and takes our secret. */
  isAlive(): Promise<boolean>;
  close(): Promise<void>;
}

/**
 * Sent with a call that no visitor causes: an administrator's, or this server's own. The mails it leads to are counted
 * apart, so that no stranger can use them up. Private listeners believe it; public ones do not look.
 */
export const causedBySite = { "x-anteroom-cause": "site" } as const;

/** Sent when a visitor asks for a link: its mail is counted apart from those that carry a code alone; and when one is shown: its guesses count for the link. */
export const causedByLink = { "x-anteroom-cause": "link" } as const;

export type Cause = typeof causedBySite | typeof causedByLink;

export interface PeerOptions {
  baseUrl: string;
  /** Sent as a bearer token. */
  secret: string | undefined;
  /** Milliseconds for one call from first to last byte. */
  timeout: number;
}

/** A pool of kept-alive connections to the other server; `fetch` would cost twice the CPU. */
export function createPeer(options: PeerOptions): Peer {
  const base = new URL(options.baseUrl);
  const prefix = base.pathname.replace(/\/$/, "");
  const pool = new Pool(base.origin, {
    connections: 128,
    keepAliveTimeout: 30_000,
    connect: { timeout: Math.min(options.timeout, 3_000) },
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const headers = {
    "content-type": "application/json",
    ...(options.secret === undefined ? {} : { authorization: `Bearer ${options.secret}` }),
  };

  async function post(path: string, body: unknown, more: Record<string, string> = {}) {
    const response = await send(path, body, more);
    if (isRefused(response)) throw new CallFailed(`${base.origin} refuses our INTERNAL_SECRET.`, "refused", {});
    return response;
  }

  async function send(path: string, body: unknown, more: Record<string, string>) {
    try {
      const response = await pool.request({
        method: "POST",
        path: prefix + path,
        headers: { ...forwardingHeaders(), ...more, ...headers },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(options.timeout),
      });
      return { status: response.statusCode, body: parseJson(await response.body.text()) };
    } catch (cause) {
      const neverSent = ["ECONNREFUSED", "ENOTFOUND", "EHOSTUNREACH", "UND_ERR_CONNECT_TIMEOUT"].includes(
        codeOf(cause),
      );
      throw new CallFailed(`POST ${base.origin}${prefix}${path} failed.`, neverSent ? "no" : "unknown", { cause });
    }
  }

  async function isAlive() {
    try {
      const response = await pool.request({
        method: "GET",
        path: `${prefix}/alive`,
        headers,
        signal: AbortSignal.timeout(2_000),
      });
      await response.body.dump();
      // One that refuses our secret would refuse everything else too. Any other answer will do: Faroe has no such route.
      return response.statusCode < 500 && !isRefused({ status: response.statusCode });
    } catch {
      return false;
    }
  }

  return { post, isAlive, close: () => pool.close() };
}

/** Whether an `authorization` header carries one of the internal secrets; where there are none, every one does. */
export function knowsInternalSecret(secrets: readonly string[]): (authorization: string | undefined) => boolean {
  const expected = secrets.map((secret) => digest(`Bearer ${secret}`));
  return (authorization = "") => {
    const given = digest(authorization);
    // Digests have one length, so the comparison tells nothing about the secret's.
    return expected.length === 0 || expected.some((digest) => timingSafeEqual(given, digest));
  };
}

/**
 * Answers 401 unless the request carries an internal secret. Without one every program that can reach the listener may
 * call; pages in a browser on this machine never may, for they name their origin.
 */
export function requireInternalSecret(secrets: readonly string[], events: SecurityEvents): MiddlewareHandler {
  const isPeer = knowsInternalSecret(secrets);
  return async (context, next) => {
    if (context.req.header("origin") !== undefined || context.req.header("sec-fetch-site") !== undefined) {
      events.record("malicious_cors", { action: "private listener" });
      return context.json({ error: "This listener is not for browsers." }, 403);
    }
    if (!isPeer(context.req.header("authorization"))) {
      events.record("authz_fail", { action: "private listener", outcome: "wrong_internal_secret" });
      return context.json({ error: "The internal secret is missing or wrong." }, 401);
    }
    return next();
  };
}

function isRefused({ status }: { status: number }): boolean {
  return status === 401 || status === 403;
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
