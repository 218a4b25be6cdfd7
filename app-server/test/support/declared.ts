import { isDeepStrictEqual } from "node:util";
import type { AppRoute } from "@anteroom/shared/wire/app";
import { publicRoutes } from "../../src/http/app.ts";
import { errorsOf } from "../../src/http/openapi.ts";
import { routeAnswers } from "../../src/http/route-answers.ts";

/** Throws when a route answers otherwise than `/openapi.json` says. Looks at every answer that a test gets. */
export function expectDeclared(method: string, path: string, { status, body }: { status: number; body: unknown }) {
  const pathname = path.split("?")[0] ?? "";
  const route = publicRoutes.find((served) => served.method === method && served.path === pathname);
  if (route === undefined || route.answers === "page") return;
  const fault = (what: string) =>
    new Error(`${method} ${pathname} answered ${status} ${what}: ${JSON.stringify(body)}`);
  const values = status === 200 ? valuesOf(route) : route.otherwise?.[status];
  if (values) {
    const parsed = values.safeParse(body);
    if (!parsed.success) throw fault(`otherwise than declared (${parsed.error.message})`);
    if (!isDeepStrictEqual(parsed.data, body)) throw fault("with members that are not declared");
  } else if (
    !errorsOf(route)
      .get(status)
      ?.includes((body as { code: string }).code)
  ) {
    throw fault("which is not declared");
  }
}

function valuesOf(route: (typeof publicRoutes)[number]) {
  return route.answers === "page"
    ? undefined
    : (route.answers ?? routeAnswers[`${route.method} ${route.path}` as AppRoute].values);
}
