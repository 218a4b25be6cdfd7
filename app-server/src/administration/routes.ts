import { addPermission, type PermissionChange, removePermission } from "../accounts/permissions.ts";
import { readPreferredLanguage } from "../http/language.ts";
import { type Call, defineRoute, done, doneUnless, type Route } from "../http/serve.ts";
import { limits } from "../limits.ts";
import { oversightRoutes } from "./oversight-routes.ts";
import { peopleRoutes } from "./people-routes.ts";
import { setUpAdministrator } from "./setup.ts";

function changeOf({ body, caller }: Pick<Call<"POST /admin/add_permission/">, "body" | "caller">): PermissionChange {
  return { userId: body.user_id, permission: body.permission, actor: caller.userId };
}

export const adminRoutes: readonly Route[] = [
  defineRoute("POST /auth/setup_administrator", {
    access: "anyone",
    limit: limits.setupsPerCaller,
    handle: async ({ http, app, body: { setup_token, ...request } }) =>
      done(await setUpAdministrator(app, setup_token, { ...request, language: readPreferredLanguage(http) })),
  }),
  defineRoute("POST /admin/add_permission/", {
    access: "admin",
    needsProof: true,
    handle: async (call) => doneUnless(await addPermission(call.app, changeOf(call))),
  }),
  defineRoute("POST /admin/remove_permission/", {
    access: "admin",
    needsProof: true,
    handle: async (call) => doneUnless(await removePermission(call.app, changeOf(call))),
  }),
  ...peopleRoutes,
  ...oversightRoutes,
];
