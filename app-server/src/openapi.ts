import { z } from "zod";
import type { Route } from "./http.ts";

/** The public routes as OpenAPI 3.1, made from the same table that serves them. */
export function openApiDocument(routes: readonly Route[]) {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes)
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  return {
    openapi: "3.1.0",
    info: { title: "Anteroom app server", version: "1" },
    paths,
    components: {
      securitySchemes: { session: { type: "apiKey", in: "cookie", name: "__Host-session" } },
      schemas: { Problem: problemSchema },
    },
  };
}

const problemSchema = {
  type: "object",
  required: ["status", "code", "detail"],
  properties: {
    type: { type: "string" },
    status: { type: "integer" },
    code: { type: "string", description: "Stable; for programs." },
    detail: { type: "string", description: "For people." },
  },
};

function operation(route: Route) {
  const hasBody = Object.keys(route.body.shape).length > 0;
  return {
    summary: route.summary,
    ...(route.access !== "anyone" ? { security: [{ session: [] }] } : {}),
    ...(route.query ? { parameters: parametersOf(route.query) } : {}),
    ...(hasBody
      ? { requestBody: { required: true, content: { "application/json": { schema: schemaOf(route.body) } } } }
      : {}),
    responses: {
      200: { description: "Done.", content: { "application/json": {} } },
      default: {
        description: "What was wrong.",
        content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    },
  };
}

function parametersOf(query: z.ZodObject) {
  const { properties = {}, required = [] } = schemaOf(query);
  return Object.entries(properties).map(([name, schema]) => {
    return { name, in: "query", required: required.includes(name), schema };
  });
}

function schemaOf(schema: z.ZodObject) {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
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
    const { properties = {}, required = [] } = schemaOf(schema);
    return Object.keys(properties).map(
      (name) => `<li><code>${escapeHtml(name)}</code>${required.includes(name) ? "" : " (optional)"}</li>`,
    );
  });
  return items.length > 0 ? `<ul>${items.join("")}</ul>` : "";
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
