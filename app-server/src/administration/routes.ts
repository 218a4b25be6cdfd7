import { z } from "zod";
import { answerDone, answerRefusal } from "../http/errors.ts";
import { handleField, nameField, newAddressField, permissionField, proofField } from "../http/fields.ts";
import { readPreferredLanguage } from "../http/language.ts";
import { type Call, defineRoute, type Route } from "../http/serve.ts";
import { limits } from "../limits.ts";
import { oversightRoutes } from "./oversight-routes.ts";
import { peopleRoutes } from "./people-routes.ts";
import { addPermission, type PermissionChange, removePermission } from "./permissions.ts";
import { setUpAdministrator } from "./setup.ts";

const permissionBody = z.object({ user_id: handleField, permission: permissionField, ...proofField });

function changeOf({ body, caller }: Call<z.output<typeof permissionBody>>): PermissionChange {
  return { userId: body.user_id, permission: body.permission, actor: caller.userId };
}

export const adminRoutes: readonly Route[] = [
  defineRoute({
    method: "POST",
    path: "/auth/setup_administrator",
    summary: "Use a one-time setup link: opens an approved registration that carries the permission `admin`.",
    access: "anyone",
    ipLimit: limits.setupsPerAddress,
    body: z.object({
      setup_token: handleField,
      email: newAddressField,
      firstname: nameField.default(""),
      lastname: nameField.default(""),
    }),
    handle: async ({ http, app, body }) => {
      const { setup_token, ...request } = body;
      const result = await setUpAdministrator(app, setup_token, { ...request, language: readPreferredLanguage(http) });
      if (!result.ok) return answerRefusal(http, result.refusal);
      return http.json({
        success: true,
        message: "A mail with your code is on its way.",
        registration_token: result.values,
      });
    },
  }),
  defineRoute({
    method: "POST",
    path: "/admin/add_permission/",
    needsProof: true,
    summary: "Grant a permission. `member` lapses after a year; `admin` is granted elsewhere.",
    access: "admin",
    body: permissionBody,
    handle: async (call) => {
      return answerDone(call.http, await addPermission(call.app, changeOf(call)));
    },
  }),
  defineRoute({
    method: "POST",
    path: "/admin/remove_permission/",
    needsProof: true,
    summary: "Take a permission away; it is gone with the next request.",
    access: "admin",
    body: permissionBody,
    handle: async (call) => {
      return answerDone(call.http, await removePermission(call.app, changeOf(call)));
    },
  }),
  ...peopleRoutes,
  ...oversightRoutes,
];
