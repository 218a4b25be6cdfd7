/**
 * What the clients know of the app server's wire. In the package these are written out, each by itself (`build.ts`), because
 * they follow from schemas whose library nobody who only calls should have to install.
 */
export type { AppErrorCode, DecidedBefore, Problem } from "../wire/app/errors.ts";
export type { RegistrationStatus } from "../wire/app/registration.ts";
export type { AppRoute, AppRoutes } from "../wire/app/routes.ts";
export type { SessionInfo } from "../wire/app/session.ts";
