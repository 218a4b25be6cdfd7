import { afterAll, beforeAll, expect, test } from "vitest";
import { publicRoutes } from "../src/http/app.ts";
import { createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";

/** What the descriptions say. That answers keep to them is checked on every answer of every test (support/declared.ts). */
let stack: Stack;
let client: ReturnType<typeof createClient>;

beforeAll(async () => {
  stack = await startStack();
  client = createClient(stack);
});

afterAll(() => stack?.stop());

// biome-ignore lint/suspicious/noExplicitAny: a description is looked into from end to end.
type Any = any;

const operationsOf = (document: Any): Any[] =>
  Object.values(document.paths).flatMap((path: Any) => Object.values(path));

test("int 1: every route is described, with its answer, its refusals and a name of its own", async () => {
  const { body } = await client.app.get("/openapi.json");
  for (const { method, path } of publicRoutes) expect(body.paths[path]?.[method.toLowerCase()], path).toBeDefined();
  const operations = operationsOf(body);
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  for (const operation of operations) {
    const [content] = Object.values(operation.responses[200].content) as Any[];
    expect(Object.keys(content.schema).length, operation.operationId).toBeGreaterThan(0);
    expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(["200", "500", "503"]));
    expect(body.tags.map(({ name }: Any) => name)).toContain(operation.tags[0]);
  }
  expect(body.servers).toEqual([{ url: stack.urls.app }]);
  expect(body.components.schemas.Problem.required).toContain("error");
});

test("int 1: every reference leads somewhere, and no schema allows everything", async () => {
  const documents = [
    (await client.app.get("/openapi.json")).body,
    await (await fetch(`${stack.urls.auth}/openapi.json`)).json(),
  ];
  for (const document of documents) {
    const text = JSON.stringify(document);
    for (const [, name = ""] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
      expect(document.components.schemas[name], name).toBeDefined();
    expect(text).not.toContain('"schema":{}');
  }
});

test("int 1: queries, the cookie and what a body needs are described as the server has them", async () => {
  const { paths } = (await client.app.get("/openapi.json")).body;
  const query = (path: string, method: string) => paths[path][method].parameters.map(({ name }: Any) => name);
  expect(query("/admin/mails/", "get")).toEqual(["status", "email", "search", "about", "after", "limit"]);
  expect(query("/admin/list_newusers/", "get")).toEqual(["state"]);
  expect(query("/mail/unsubscribe", "post")).toEqual(["token"]);
  expect(paths["/auth/session_info/"].get.security).toEqual([{ session: [] }, {}]);
  expect(paths["/auth/session_info/"].get.responses[401].content).toHaveProperty("application/json");
  const bodyOf = (path: string) => paths[path].post.requestBody.content["application/json"].schema;
  expect(bodyOf("/admin/accept_user/").properties.email.minLength).toBe(1);
  expect(bodyOf("/account/request_password_link").anyOf.map(({ required }: Any) => required)).toEqual([
    ["email"],
    ["token"],
  ]);
  expect(bodyOf("/auth/actions").properties.action.enum).toContain("create_signin");
});

test("int 1: the auth server describes the actions that it serves", async () => {
  const { components }: Any = await (await fetch(`${stack.urls.auth}/openapi.json`)).json();
  expect(components.schemas.create_signup_request).toBeUndefined();
  expect(components.schemas.get_session_request.properties.arguments.required).toEqual(["session_token"]);
  const [done, refused] = components.schemas.get_session_response.anyOf;
  expect(Object.keys(done.properties.values.properties.session.properties)).toEqual([
    "id",
    "user_id",
    "created_at",
    "expires_at",
  ]);
  expect(refused.properties.error_code.enum).toEqual(["invalid_session_token", "internal_error"]);
});

test("int 2: answers of /auth/actions carry the id of their invocation", async () => {
  const known = await client.app.post("/auth/actions", {
    action: "create_signin",
    arguments: { user_email_address: "ada@example.com" },
  });
  expect(known.body.action_invocation_id).toMatch(/^[a-z2-9]{24}$/);
  const refused = await client.app.post("/auth/actions", { action: "get_signin", arguments: { signin_token: "x" } });
  expect(refused.body).toEqual({
    ok: false,
    action_invocation_id: expect.any(String),
    error_code: "invalid_signin_token",
  });
});

test("int 3: what is missing is named, and nothing stands for two things", async () => {
  const admin = await client.adminCookie();
  const missing = await client.app.post("/admin/add_permission/", { user_id: "x", permission: "" }, admin);
  expect([missing.status, missing.body.error]).toEqual([400, "Missing user_id or permission"]);
  expect(missing.body.errors).toEqual([{ field: "permission", message: "This is needed." }]);
  expect(missing.body.detail).toBe("Missing permission.");
  const neither = await client.app.post("/account/use_password_link", { code: "x", password: "x" });
  expect(neither.body.errors).toEqual([{ field: "token or email", message: "This is needed." }]);
  const many = { decision: "accept", emails: ["ada@example.com", ""] };
  expect((await client.app.post("/admin/decide_many/", many, admin)).status).toBe(422);
  for (const body of [
    { id: "", all: true },
    { id: "x", all: true },
  ])
    expect((await client.app.post("/admin/mails/replay/", body, admin)).status).toBe(422);
  expect((await client.app.post("/admin/mails/replay/", { id: "" }, admin)).status).toBe(400);
  expect((await stack.sql`select count(*)::int as count from batches`)[0]?.count).toBe(0);
});
