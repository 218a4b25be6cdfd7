import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import type { SecurityEvents } from "../security-events.ts";
import { Pool } from "./http-pool.ts";
import { forwardingHeaders } from "./request-scope.ts";

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
  /**
   * POSTs JSON. Resolves with any HTTP answer; `body` is undefined when it is not JSON. Throws CallFailed.
   *
   * @param visitor `forwardingHeaders`, which are sent unless others are given: who makes the request under way
   */
  post(path: string, body: unknown, visitor?: Record<string, string>): Promise<{ status: number; body: unknown }>;
  /** Whether the other server answers, and takes our secret. */
  isAlive(): Promise<boolean>;
  close(): Promise<void>;
}

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

  async function post(path: string, body: unknown, visitor = forwardingHeaders()) {
    const response = await send(path, body, visitor);
    if (isRefused(response)) throw new CallFailed(`${base.origin} refuses our INTERNAL_SECRET.`, "refused", {});
    return response;
  }

  async function send(path: string, body: unknown, visitor: Record<string, string>) {
    try {
      const response = await pool.request({
        method: "POST",
        path: prefix + path,
        headers: { ...visitor, ...headers },
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
