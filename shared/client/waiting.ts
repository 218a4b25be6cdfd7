import type { AppClient, AppClientResult, AppFailure } from "./app.ts";

export interface WaitingOptions {
  /** Ends the waiting: it throws the signal's reason, as `fetch` does. */
  signal?: AbortSignal;
  /** The code of the mail, where a link brought it along. */
  code?: string;
  /** Told when a look brought nothing and the waiting goes on, and with `undefined` when one did again. */
  onTrouble?: (trouble: AppFailure | undefined) => void;
}

/**
 * What became of a request. `accepted`: code and password come next, with this token. `code_needed`: approved, and only the
 * mailed code leads on (`POST /auth/lookup_registration`). `expired`: approved, but its code has run out
 * (`POST /auth/renew_signup`).
 */
export type Decision =
  | { state: "accepted"; email: string; signupToken: string }
  | { state: "code_needed" | "expired" | "rejected"; email: string };

export type DecisionResult = { ok: true; values: Decision } | AppFailure;

/** Milliseconds between two looks: quick at first, later every ten seconds. */
const pauses = [1_000, 2_000, 3_000, 5_000, 8_000, 10_000];

/** The longest time between two looks while they bring nothing. */
const longest = 60_000;

/** What passes by itself: the waiting goes on. */
const passing: readonly string[] = [
  "auth_server_unavailable",
  "database_unavailable",
  "internal_error",
  "rate_limited",
  "unexpected_answer",
  "unreachable",
];

/**
 * Waits until a request is decided, however long that takes. Looks ever more seldom, not before a `Retry-After` is over, and
 * at once when the browser is online again. What does not pass by itself ends it, such as `registration_not_found`.
 */
export async function waitForApproval(
  app: AppClient,
  registrationToken: string,
  { signal, code, onTrouble }: WaitingOptions = {},
): Promise<DecisionResult> {
  let failures = 0;
  for (let looks = 0; ; looks++) {
    signal?.throwIfAborted();
    const seen = await app("POST /auth/registration_status", {
      registration_token: registrationToken,
      ...(code ? { code } : {}),
    });
    signal?.throwIfAborted();
    const result = resultOf(seen);
    if (!seen.ok) onTrouble?.(seen);
    else if (failures > 0) onTrouble?.(undefined);
    if (result) return result;
    failures = seen.ok ? 0 : failures + 1;
    await pause(seen.ok ? (pauses[looks] ?? 10_000) : backOff(failures, seen.retryAfter), signal);
  }
}

/** Undefined while the waiting goes on. */
function resultOf(seen: AppClientResult<"POST /auth/registration_status">): DecisionResult | undefined {
  if (!seen.ok) return passing.includes(seen.error) ? undefined : seen;
  const decision = decisionOf(seen.values);
  return decision && { ok: true, values: decision };
}

type Status = Extract<AppClientResult<"POST /auth/registration_status">, { ok: true }>["values"];

function decisionOf({ email, state, accepted, signup_token: signupToken }: Status): Decision | undefined {
  if (state) return { state, email };
  if (signupToken) return { state: "accepted", email, signupToken };
  return accepted ? { state: "expired", email } : undefined;
}

/** Not all who wait come back in the same moment. */
function backOff(failures: number, retryAfter = 0): number {
  const growing = Math.min(longest, 1_000 * 2 ** failures) * (0.5 + Math.random() / 2);
  return Math.max(growing, retryAfter * 1_000);
}

/** Until the time is over, the signal ends it or the browser is online again. */
function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", over);
      globalThis.removeEventListener?.("online", over);
      resolve();
    };
    const timer = setTimeout(over, milliseconds);
    signal?.addEventListener("abort", over);
    globalThis.addEventListener?.("online", over);
  });
}
