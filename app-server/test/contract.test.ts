import { expectDeclaredAnswer } from "@anteroom/shared/testing/faroe/declared";
import { patiently } from "@anteroom/shared/testing/patience";
import fc from "fast-check";
import openapiTS, { astToString } from "openapi-typescript";
import { afterAll, beforeAll, expect, test } from "vitest";
import { publicRoutes } from "../src/http/app.ts";
import { createArbitraries, type JsonSchema } from "./support/arbitrary.ts";
import { launchBrowser, openPage } from "./support/browser.ts";
import { type Client, createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { createWalk, type Walk } from "./support/walk.ts";

/** What may be made of the descriptions: types, random calls, a page to read. */
let stack: Stack;
let client: Client;
let walk: Walk;
let invoker: Awaited<ReturnType<Walk["activate"]>>;

beforeAll(async () => {
  stack = await startStack();
  client = createClient(stack);
  walk = await createWalk(stack, client);
  invoker = await walk.activate("random.invoker@example.com");
});

afterAll(() => stack?.stop());

interface Operation {
  requestBody?: { content: Record<string, { schema: JsonSchema }> };
  parameters?: { name: string; required: boolean; schema: JsonSchema }[];
}

interface Description {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, JsonSchema> };
}

const read = async (base: string) => (await (await fetch(`${base}/openapi.json`)).json()) as Description;

test.each(["app", "auth"] as const)(
  "int 1: types made of the description of the %s server know everything",
  async (of) => {
    const types = astToString(await openapiTS((await read(stack.urls[of])) as never));
    // Of headers nothing is ever said.
    expect(types.replaceAll(/headers: \{\s+\[name: string\]: unknown;\s+\}/g, "").match(/.*\bunknown\b.*/g)).toBeNull();
  },
);

/** A budget that seldom runs out on a quiet machine; what was found until then counts. */
const withinTenSeconds = {
  numRuns: 40,
  interruptAfterTimeLimit: patiently(10_000),
  markInterruptAsFailure: false,
  // What was called is in the message of the error, and has changed what a smaller case would find.
  endOnFailure: true,
};

interface Sent {
  method: string;
  path: string;
  body: unknown;
  query: object;
  by: Record<string, string>;
}

test(
  "int 1: random calls by anybody, a member and an administrator are answered as declared, and break nothing",
  async () => {
    const { paths, components } = await read(stack.urls.app);
    const member = await walk.activate("random.member@example.com");
    const { userId } = await walk.activate("random.bystander@example.com");
    const waiting = await client.register("random.waiting@example.com");
    const arbitraryOf = createArbitraries(components.schemas, {
      email: ["random.waiting@example.com", "random.bystander@example.com", "nobody@example.com"],
      registration_token: [waiting, member.token],
      code: [member.code],
      user_id: [userId],
      session_id: [member.sessionToken.split(".")[0] ?? ""],
      id: ["00000000-0000-0000-0000-000000000000"],
      permission: ["member", "editor", "admin"],
      state: ["REJECTED", "REQUESTED,OPEN"],
      type: ["account_ready", "signup_verification"],
    });
    const calls = publicRoutes
      // It ends the session of all further calls.
      .filter(({ path }) => path !== "/cookies/clear_session/")
      .map(({ method, path }) => {
        const { requestBody, parameters = [] } = paths[path]?.[method.toLowerCase()] ?? {};
        const schema = requestBody?.content["application/json"]?.schema;
        const query = Object.fromEntries(parameters.map(({ name, schema: of }) => [name, arbitraryOf(of, name)]));
        const requiredKeys = parameters.filter(({ required }) => required).map(({ name }) => name);
        return fc.record({
          method: fc.constant(method),
          path: fc.constant(path),
          body: schema ? arbitraryOf(schema) : fc.constant(undefined),
          query: fc.record(query, { requiredKeys }),
          by: fc.constantFrom({}, member.session, walk.admin),
        });
      });
    const seen = new Set<string>();
    const send = async ({ method, path, body, query, by }: Sent) => {
      // As the route that is left out above: it would end the session of all further calls.
      if ((body as { action?: string } | undefined)?.action === "delete_session") return;
      const search = new URLSearchParams(
        Object.entries(query).map(([name, value]): [string, string] => [name, `${value}`]),
      );
      const { status } = await client.app.raw(`${path}?${search}`, {
        method,
        headers: { ...by, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      expect(status === 503 ? 200 : status, `${method} ${path}`).toBeLessThan(500);
      seen.add(`${method} ${path} ${status}`);
    };
    const severalAtOnce = fc.array(fc.oneof(...calls), { minLength: 12, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(severalAtOnce, async (sent) => void (await Promise.all(sent.map(send)))),
      withinTenSeconds,
    );
    // So that a fault of the generator does not pass for none of the server.
    expect([...seen].filter((name) => name.endsWith(" 200")).length).toBeGreaterThan(10);
  },
  patiently(60_000),
);

test(
  "int 1: random invocations of the auth server are answered as declared",
  async () => {
    const { components } = await read(stack.urls.auth);
    const arbitraryOf = createArbitraries(components.schemas, {
      session_token: [invoker.sessionToken],
      user_email_address: ["random.invoker@example.com", "nobody@example.com"],
    });
    const actions = Object.keys(components.schemas).filter((name) => name.endsWith("_request"));
    const invocations = actions.map((name) => arbitraryOf({ $ref: name }) as fc.Arbitrary<{ action: string }>);
    await fc.assert(
      fc.asyncProperty(fc.oneof(...invocations), async (invocation) => {
        const response = await fetch(stack.urls.auth, { method: "POST", body: JSON.stringify(invocation) });
        const answer = (await response.json()) as { error_code?: string };
        expect([200, 400, 503]).toContain(response.status);
        if (response.status === 200) expectDeclaredAnswer(invocation.action, answer);
        expect(answer.error_code).not.toBe("internal_error");
      }),
      withinTenSeconds,
    );
  },
  patiently(60_000),
);

test(
  "the reference for people shows every route, light and dark, and the browser has nothing to refuse",
  async () => {
    const browser = await launchBrowser();
    try {
      for (const [colorScheme, background] of [
        ["light", "rgba(0, 0, 0, 0)"],
        ["dark", "rgb(28, 32, 34)"],
      ] as const) {
        const { page, complaints } = await openPage(browser, { colorScheme });
        await page.goto(`${stack.urls.app}/docs`);
        await page.waitForSelector(".opblock", { timeout: patiently(20_000) });
        expect(await page.locator(".opblock").count()).toBe(publicRoutes.length);
        expect(await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")).toBe(background);
        expect(complaints).toEqual([]);
      }
    } finally {
      await browser.close();
    }
  },
  patiently(60_000),
);
