import { passwordReasons, problem, type Reason } from "@anteroom/shared/wire/app/errors";
import { z } from "zod";
import { codeOf } from "../outcome.ts";
import { statusOf } from "./errors.ts";
import type { Route } from "./serve.ts";

type Schema = Record<string, unknown>;

/** The public routes as OpenAPI 3.1, made from the tables that serve them. `origin` is where they are served. */
export function openApiDocument(routes: readonly Route[], origin: string) {
  const components: Record<string, Schema> = {};
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

function operation(route: Route, components: Record<string, Schema>) {
  const { summary, query, body, either } = route.contract;
  return {
    operationId: operationId(route),
    tags: [tagOf(route)],
    summary,
    security: securityOf(route),
    ...(query ? { parameters: parametersOf(query, components) } : {}),
    ...(body ? { requestBody: { required: true, content: json(bodyOf(body, either, components)) } } : {}),
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

/** Empty texts count as missing where a field is required, and of `either` fields one is. */
function bodyOf(body: z.ZodObject, either: readonly string[] | undefined, components: Record<string, Schema>): Schema {
  const schema = schemaOf(body, "input", components);
  const properties = schema.properties as Record<string, Schema>;
  const required = (schema.required ?? []) as string[];
  for (const name of [...required, ...(either ?? [])])
    if (properties[name]?.type === "string") properties[name] = { minLength: 1, ...properties[name] };
  return either ? { anyOf: either.map((name) => ({ ...schema, required: [...required, name] })) } : schema;
}

function answerOf({ contract }: Route, components: Record<string, Schema>): { content: Record<string, unknown> } {
  const { answer } = contract;
  if (answer === "table") return { content: { "text/csv": { schema: { type: "string" } } } };
  if (answer === "page") return { content: { "text/html": { schema: { type: "string" } } } };
  return { content: json(schemaOf(answer, "output", components)) };
}

function json(schema: Schema) {
  return { "application/json": { schema } };
}

/** What may go wrong, by status: what any route that is served so may answer, and what this one adds. */
export function errorsOf(route: Route): Map<number, string[]> {
  const errors = new Map<number, string[]>();
  for (const reason of new Set([...usualReasons(route), ...(route.contract.errors ?? [])])) {
    const codes = errors.get(statusOf(reason)) ?? [];
    errors.set(statusOf(reason), [...new Set([...codes, codeOf({ reason })])]);
  }
  return errors;
}

function usualReasons({ method, access, usesSession, needsProof, limit, contract }: Route): Reason[] {
  const { body, query } = contract;
  return [
    ...(access === "anyone" ? [] : (["no_session", "invalid_session"] as const)),
    ...(access === "admin" ? (["missing_permission"] as const) : []),
    ...(method === "POST" ? (["invalid_origin"] as const) : []),
    ...(access === "anyone" && !usesSession ? [] : (["another_person_signed_in"] as const)),
    ...(needsProof ? (["password_needed", ...passwordReasons] as const) : []),
    ...(body ? (["invalid_request", "missing_field", "body_too_large"] as const) : []),
    ...(body || query ? (["invalid_field"] as const) : []),
    ...(limit ? (["rate_limited"] as const) : []),
    "internal_error",
    "auth_server_unavailable",
    "database_unavailable",
  ];
}

function problemsOf(route: Route, components: Record<string, Schema>) {
  const problems = [...errorsOf(route)].map(([status, codes]) => [status, problemOf(codes, components)]);
  const others = Object.entries(route.contract.otherwise ?? {}).map(([status, schema]) => {
    return [status, { description: "Refused.", content: json(schemaOf(schema, "output", components)) }];
  });
  return Object.fromEntries([...problems, ...others]);
}

function problemOf(codes: readonly string[], components: Record<string, Schema>) {
  const schema = {
    allOf: [
      schemaOf(problem, "output", components),
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
