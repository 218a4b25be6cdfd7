import type { AppFailure } from "@anteroom/shared/client/app";
import type { AppErrorCode } from "@anteroom/shared/wire/app/errors";
import type { AuthAction, AuthError } from "@anteroom/shared/wire/faroe";

/** Everything that either server may answer instead of success. */
export type ErrorCode =
  | AppErrorCode
  | AuthError<AuthAction>
  | "internal_error"
  | "unexpected_answer"
  | "unreachable"
  | FoundHere;

/** What only pages notice. */
type FoundHere =
  | "answer_lost"
  | "cookie_refused"
  | "not_secure"
  | "password_too_long"
  | "password_too_short"
  | "passwords_differ";

/** Whether an action may have been carried out all the same. */
export function isAnswerLost(error: ErrorCode): boolean {
  return error === "unreachable" || error === "unexpected_answer";
}

/** For queries, which want the values or an exception. `errorOf` tells what it is about. */
export function asException({ error, detail }: AppFailure): Error {
  return new Error(detail, { cause: error });
}

/** What a query's exception is about. */
export function errorOf({ cause }: Error): ErrorCode {
  return typeof cause === "string" ? (cause as ErrorCode) : "internal_error";
}
