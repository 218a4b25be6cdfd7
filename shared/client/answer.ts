import type { AppErrorCode, Problem } from "./wire.ts";

export interface CallOptions {
  /** Sent along: how a service shows a secret, or a caller without cookies its session. */
  headers?: Record<string, string> | (() => Record<string, string>);
  /** Milliseconds until a call counts as unreachable. */
  timeout?: number;
}

/**
 * Why a call was not carried out, or why that is not known. Beside the codes of the server: `unreachable`, no answer came;
 * `unexpected_answer`, something answered that is not the server, such as a proxy on the way, with `status`.
 */
export interface CallFailure {
  ok: false;
  error: AppErrorCode | "unexpected_answer" | "unreachable";
  /** For people; empty where the code says it all. */
  detail: string;
  /** HTTP's; none where no answer came. */
  status?: number;
  /** Seconds until it is worth trying again, where that was said. */
  retryAfter?: number;
}

/** What came back: JSON, whatever its status, or why that did not. */
export type Answer = { ok: true; isSuccess: boolean; body: Partial<Problem>; told: Told } | CallFailure;

/** What an answer tells beside its body. */
type Told = Pick<CallFailure, "status" | "retryAfter">;

export async function request(
  url: URL,
  { headers, timeout = 60_000 }: CallOptions,
  init: { method: string; body?: object | undefined; credentials: "include" | "omit" | "same-origin" },
): Promise<Answer> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method: init.method,
      credentials: init.credentials,
      headers: {
        ...(init.body ? { "content-type": "application/json" } : {}),
        ...(typeof headers === "function" ? headers() : headers),
      },
      ...(init.body ? { body: JSON.stringify(init.body) } : {}),
      signal: AbortSignal.timeout(timeout),
    });
    text = await response.text();
  } catch {
    return unanswered(url);
  }
  const told = { status: response.status, ...retryAfterOf(response) };
  const body = parseObject(text);
  return body ? { ok: true, isSuccess: response.ok, body, told } : unexpected(told);
}

/** By their status two kinds are known, whoever answers. */
export function unexpected(told: Told): CallFailure {
  const error = ({ 413: "body_too_large", 429: "rate_limited" } as const)[told.status ?? 0] ?? "unexpected_answer";
  const detail = `This was not answered by the server itself (HTTP ${told.status}). Try again in a moment.`;
  return { ok: false, error, detail, ...told };
}

function retryAfterOf({ headers }: Response): { retryAfter?: number } {
  const seconds = Number(headers.get("retry-after"));
  return seconds > 0 ? { retryAfter: seconds } : {};
}

function parseObject(text: string): Partial<Problem> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A browser does not say whether a server is away or does not know the page's origin. A look that brings nothing back
 * tells the one from the other.
 */
async function unanswered(url: URL): Promise<CallFailure> {
  const { location } = globalThis as { location?: { origin: string } };
  if (location && location.origin !== url.origin && (await isAlive(url)))
    return {
      ok: false,
      error: "invalid_origin",
      detail: `${url.origin} answers, but not to pages of ${location.origin}: name that origin in BACKEND_TRUSTED_ORIGINS.`,
    };
  return { ok: false, error: "unreachable", detail: "The server cannot be reached. Try again in a moment." };
}

function isAlive(url: URL): Promise<boolean> {
  return fetch(new URL("/alive", url), { mode: "no-cors", signal: AbortSignal.timeout(5_000) }).then(
    () => true,
    () => false,
  );
}
