import { isDeepStrictEqual } from "node:util";
import { problem } from "@anteroom/shared/wire/app/errors";
import type { z } from "zod";
import { publicRoutes } from "../../src/http/app.ts";
import { errorsOf } from "../../src/http/openapi.ts";

/** Throws when a route answers otherwise than its contract says. Looks at every answer that a test gets. */
export function expectDeclared(method: string, path: string, { status, body }: { status: number; body: unknown }) {
  const pathname = path.split("?")[0] ?? "";
  const route = publicRoutes.find((served) => served.method === method && served.path === pathname);
  if (route === undefined || typeof route.contract.answer === "string") return;
  const { answer, otherwise } = route.contract;
  const schema: z.ZodType = (status === 200 ? answer : otherwise?.[status]) ?? problem;
  const fault = (what: string) =>
    new Error(`${method} ${pathname} answered ${status} ${what}: ${JSON.stringify(body)}`);
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw fault(`otherwise than declared (${parsed.error.message})`);
  if (!isDeepStrictEqual(parsed.data, body)) throw fault("with members that are not declared");
  if (schema === problem && !errorsOf(route).get(status)?.includes(problem.parse(body).code))
    throw fault("which is not declared");
}
