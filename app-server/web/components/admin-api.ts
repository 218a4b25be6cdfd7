import type { AppFailure, AppRouteInput } from "@anteroom/shared/client/app";
import type { AppRoute, AppRoutes, QueuedRegistration } from "@anteroom/shared/wire/app";
import { app, queries } from "../api.ts";
import type { ErrorCode } from "../messages.ts";

/** Reading and changing things as an administrator. */

export type QueueRow = QueuedRegistration;
export type QueuePage = AppRoutes["GET /admin/registrations/"]["values"];

/** As `app`, but a permission taken away meanwhile is noticed by the whole page. */
export const call: typeof app = async (route, ...input) => {
  const answer = await app(route, ...input);
  if (!answer.ok && answer.error === "missing_permission") void queries.invalidateQueries({ queryKey: ["session"] });
  return answer;
};

/** For queries, which want the values or an exception. */
export async function ask<R extends AppRoute>(route: R, ...input: AppRouteInput<R>): Promise<AppRoutes[R]["values"]> {
  const answer = await call(route, ...input);
  if (answer.ok) return answer.values;
  throw new Error(answer.detail, { cause: answer });
}

/** What a query's exception is about. */
export function errorOf(error: Error): ErrorCode {
  return (error.cause as AppFailure | undefined)?.error ?? "internal_error";
}
