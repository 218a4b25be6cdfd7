import type { AppErrorCode, AppRoute } from "@anteroom/shared/wire/app";
import { z } from "zod";
import { escapeHtml } from "../text.ts";
import { routeAnswers } from "./route-answers.ts";
import type { Route } from "./serve.ts";

type Schema = Record<string, unknown>;

/** The public routes as OpenAPI 3.1, made from the tables that serve them. `origin` is where they are served. */
export function openApiDocument(routes: readonly Route[], origin: string) {
  const components: Record<string, Schema> = { Problem: problemSchema };
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes)
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route, components) };
  return {
    openapi: "3.1.0",
    info: { title: "Anteroom app server", version: "1" },
    servers: [{ url: origin }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: { session: { type: "apiKey", in: "cookie", name: "__Host-session" } },
      schemas: components,
    },
  };
}

/** By the first part of a route's path. */
const tags: Record<string, string> = {
  auth: "Registering, signing up and signing in.",
  cookies: "Sessions of the auth server as cookies.",
  account: "What members do with their own account.",
  admin: "What administrators do.",
  mail: "Links in mails.",
};

const problemSchema = {
  type: "object",
  required: ["type", "status", "code", "detail", "error"],
  properties: {
    type: { type: "string" },
    status: { type: "integer" },
    code: { type: "string", description: "Stable; for programs." },
    detail: { type: "string", description: "For people." },
    error: { type: "string", description: "For programs that know the Dodeka backend: a fixed text, or `detail`." },
    errors: {
      type: "array",
      description: "Fields that need attention.",
      items: {
        type: "object",
        required: ["field", "message"],
        properties: { field: { type: "string" }, message: { type: "string" } },
      },
    },
    error_code: { type: "string", description: "What the auth server refused with." },
    request_id: { type: "string", description: "By which the logs of both servers find the request." },
  },
};

function operation(route: Route, components: Record<string, Schema>) {
  return {
    operationId: operationId(route),
    tags: [tagOf(route)],
    summary: route.summary,
    security: securityOf(route),
    ...(route.query ? { parameters: parametersOf(route.query, components) } : {}),
    ...(hasBody(route) ? { requestBody: { required: true, content: json(bodyOf(route, components)) } } : {}),
    responses: { 200: { description: "Done.", ...answerOf(route, components) }, ...problemsOf(route, components) },
  };
}

function tagOf({ path }: Route): string {
  return path.split("/")[1] ?? "";
}

/** `POST /admin/accept_user/` is `admin_accept_user`; where a path has both methods, `get_…` is the other. */
function operationId({ method, path }: Route): string {
  const name = path.split("/").filter(Boolean).join("_");
  return method === "GET" ? `get_${name}` : name;
}

/** `{}`: without a session, too. */
function securityOf({ access, usesSession }: Route) {
  if (access !== "anyone") return [{ session: [] }];
  return usesSession ? [{ session: [] }, {}] : [];
}

function hasBody({ body }: Route): boolean {
  return Object.keys(body.shape).length > 0;
}

/** Empty texts count as missing where a field is required, and of `either` fields one is. */
function bodyOf({ body, either }: Route, components: Record<string, Schema>): Schema {
  const schema = schemaOf(body, "input", components);
  const properties = schema.properties as Record<string, Schema>;
  const required = (schema.required ?? []) as string[];
  for (const name of [...required, ...(either ?? [])])
    if (properties[name]?.type === "string") properties[name] = { minLength: 1, ...properties[name] };
  return either ? { anyOf: either.map((name) => ({ ...schema, required: [...required, name] })) } : schema;
}

function answerOf(route: Route, components: Record<string, Schema>): { content: Record<string, unknown> } {
  if (route.answers === "page") return { content: { "text/html": { schema: { type: "string" } } } };
  const values = route.answers ?? routeAnswers[`${route.method} ${route.path}` as AppRoute].values;
  return { content: json(schemaOf(values, "output", components)) };
}

function json(schema: Schema) {
  return { "application/json": { schema } };
}

/** What may go wrong, by status: what any route of its kind may answer, and what this one adds. */
export function errorsOf(route: Route): Map<number, string[]> {
  const errors = new Map<number, string[]>();
  const add = (status: number, ...codes: AppErrorCode[]) =>
    errors.set(status, [...new Set([...(errors.get(status) ?? []), ...codes])]);
  if (route.access !== "anyone") add(401, "no_session", "invalid_session");
  if (route.access === "admin") add(403, "missing_permission");
  if (route.method === "POST") add(403, "invalid_origin");
  if (route.access !== "anyone" || route.usesSession) add(409, "another_person_signed_in");
  if (route.needsProof) {
    add(403, "password_needed", "incorrect_password", "password_locked");
    add(409, "internal_conflict");
    add(429, "rate_limited");
  }
  if (hasBody(route)) {
    add(400, "invalid_request", "missing_field");
    add(413, "body_too_large");
  }
  if (hasBody(route) || route.query) add(422, "invalid_field");
  if (route.ipLimit) add(429, "rate_limited");
  add(500, "internal_error");
  add(503, "auth_server_unavailable", "database_unavailable");
  const own = routeAnswers[`${route.method} ${route.path}` as AppRoute]?.errors ?? route.errors ?? {};
  for (const [status, codes] of Object.entries(own)) add(Number(status), ...(codes ?? []));
  return errors;
}

function problemsOf(route: Route, components: Record<string, Schema>) {
  const problems = [...errorsOf(route)].map(([status, codes]) => [status, problemOf(codes)]);
  const others = Object.entries(route.otherwise ?? {}).map(([status, schema]) => {
    return [status, { description: "Refused.", content: json(schemaOf(schema as z.ZodType, "output", components)) }];
  });
  return Object.fromEntries([...problems, ...others]);
}

function problemOf(codes: readonly string[]) {
  const schema = {
    allOf: [
      { $ref: "#/components/schemas/Problem" },
      { type: "object", properties: { code: { type: "string", enum: codes } } },
    ],
  };
  return { description: codes.join(", "), content: { "application/problem+json": { schema } } };
}

function parametersOf(query: z.ZodObject, components: Record<string, Schema>) {
  const { properties = {}, required = [] } = schemaOf(query, "input", components);
  return Object.entries(properties as Record<string, Schema>).map(([name, schema]) => {
    return { name, in: "query", required: (required as string[]).includes(name), schema };
  });
}

/** A schema that refers to the named ones in `components`, to which it adds those that it needs. */
function schemaOf(schema: z.ZodType, io: "input" | "output", components: Record<string, Schema>): Schema {
  const made = z.toJSONSchema(schema, { io, unrepresentable: "any", override: loosen });
  const text = JSON.stringify(made).replaceAll('"#/$defs/', '"#/components/schemas/');
  const { $defs = {}, $schema: _, ...rest } = JSON.parse(text) as Schema & { $defs?: Record<string, Schema> };
  Object.assign(components, $defs);
  return rest;
}

/** Answers may gain members, and that a number is one that JavaScript can count to is no news. */
function loosen({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
}

/** The same as a page to read. */
export function renderReference(routes: readonly Route[]): string {
  const sections = routes.map(
    (route) => `<section><h2><code>${route.method} ${escapeHtml(route.path)}</code></h2>
<p>${escapeHtml(route.summary)}${audience[route.access]}</p>
${fieldsOf(route)}</section>`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Anteroom: routes</title><h1>Routes of the app server</h1>
<p>For programs: <a href="/openapi.json">openapi.json</a>.</p>${sections.join("\n")}</html>`;
}

const audience: Record<Route["access"], string> = {
  anyone: "",
  user: " <strong>Signed in.</strong>",
  admin: " <strong>Administrators only.</strong>",
};

function fieldsOf(route: Route): string {
  const items = [route.body, route.query ?? z.object({})].flatMap((schema) => {
    const { properties = {}, required = [] } = schemaOf(schema, "input", {}) as {
      properties?: Schema;
      required?: string[];
    };
    return Object.keys(properties).map(
      (name) => `<li><code>${escapeHtml(name)}</code>${required.includes(name) ? "" : " (optional)"}</li>`,
    );
  });
  return items.length > 0 ? `<ul>${items.join("")}</ul>` : "";
}
