import type { AppClientResult, AppRouteInput } from "@anteroom/shared/client/app";
import type { QueuedRegistration } from "@anteroom/shared/wire/app/decisions";
import type { AppRoute, AppRoutes } from "@anteroom/shared/wire/app/routes";
import { app, doubtSession } from "../api/client.ts";
import { asException } from "../api/errors.ts";
import { untilProven } from "./proof.tsx";

/** Reading and changing things as an administrator. */

export type QueueRow = QueuedRegistration;
export type QueuePage = AppRoutes["GET /admin/registrations/"]["values"];

/**
 * As `app`, but a permission taken away meanwhile is noticed by the whole page, and whoever showed the password some time
 * ago is asked for it. `password_needed` is answered to whoever then leaves it.
 */
export const call: typeof app = async (route, ...input) => {
  const answer = await send(route, input);
  if (!answer.ok && answer.error === "missing_permission") doubtSession();
  return answer;
};

async function send<R extends AppRoute>(route: R, input: AppRouteInput<R>): Promise<AppClientResult<R>> {
  const answer = await app(route, ...input);
  if (answer.ok || answer.error !== "password_needed") return answer;
  const [body] = input as [object];
  return untilProven(answer, (proof) => app(route, ...([{ ...body, ...proof }] as unknown as AppRouteInput<R>)));
}

/** For queries, which want the values or an exception. */
export async function ask<R extends AppRoute>(route: R, ...input: AppRouteInput<R>): Promise<AppRoutes[R]["values"]> {
  const answer = await call(route, ...input);
  if (answer.ok) return answer.values;
  throw asException(answer);
}
