import postgres from "postgres";

/** What postgres.js and Node call a connection that could not be made or was lost. */
const lostConnection = new Set([
  "CONNECTION_CLOSED",
  "CONNECTION_ENDED",
  "CONNECTION_DESTROYED",
  "CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
]);

/** SQLSTATE classes: connection exception, insufficient resources, operator intervention, system error. */
const outageClasses = ["08", "53", "57", "58"];
const readOnlyTransaction = "25006";

/** Whether a statement failed because the database is away, full or read-only: nobody's fault, and likely to pass. */
export function isOutage(error: unknown): boolean {
  if (error instanceof ConnectionLost) return true;
  if (!(error instanceof Error) || !("code" in error)) return false;
  const code = String(error.code);
  if (!(error instanceof postgres.PostgresError)) return lostConnection.has(code);
  return code === readOnlyTransaction || outageClasses.includes(code.slice(0, 2));
}

export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
}

/** SQLSTATE 40P01. */
export function isDeadlock(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === "40P01";
}

/** Whether a statement has waited for a lock as long as it may (SQLSTATE 55P03). */
export function isLockTimeout(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === "55P03";
}

/** Whether a statement failed because a row with that key is there already (SQLSTATE 23505). */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === "23505";
}
