import { measured } from "@anteroom/shared/testing/measured";
import { repeated, worstTexts } from "@anteroom/shared/testing/worst-texts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { publicRoutes } from "../src/http/app.ts";
import type { Route } from "../src/http/serve.ts";
import { type Stack, startStack } from "./support/stack.ts";

let stack: Stack;

// Somebody believed to be a proxy may write chains of addresses, and the limits per address are off.
beforeAll(async () => {
  stack = await startStack({ env: { TRUSTED_PROXIES: "127.0.0.1/32" } });
});

afterAll(() => stack?.stop());

/** Seconds of work that the app server has done so far. */
async function workSoFar(): Promise<number> {
  const headers = { authorization: `Bearer ${stack.env.INTERNAL_SECRET}` };
  const text = await (await fetch(`${stack.urls.appPrivate}/metrics`, { headers })).text();
  const read = (kind: string) => Number(new RegExp(`^process_cpu_${kind}_seconds_total (.*)$`, "m").exec(text)?.[1]);
  return read("user") + read("system");
}

const turns = 8;

/** Milliseconds of work for one of several equal requests. */
async function workFor(send: () => Promise<Response>): Promise<number> {
  const before = await workSoFar();
  for (let turn = 0; turn < turns; turn++) await (await send()).arrayBuffer();
  return ((await workSoFar()) - before) * (1_000 / turns);
}

const forAnybody = publicRoutes.filter(({ access, usesSession }) => access === "anyone" || usesSession);

function post(route: Route, value: string): Promise<Response> {
  const members = Object.keys(route.contract.body?.shape ?? {});
  const each = value.slice(0, Math.floor(15_000 / Math.max(1, members.length)));
  const body = JSON.stringify(Object.fromEntries(members.map((name) => [name, each]))).slice(0, 16_000);
  return fetch(stack.urls.app + route.path, { method: "POST", body });
}

function get(route: Route, value: string): Promise<Response> {
  const names = Object.keys(route.contract.query?.shape ?? { x: 0 });
  const query = names.map((name) => `${name}=${encodeURIComponent(value).slice(0, 6_000 / names.length)}`).join("&");
  return fetch(`${stack.urls.app}${route.path}?${query}`);
}

const inHeaders = ["cookie", "accept-language", "x-forwarded-for", "forwarded", "user-agent", "origin", "content-type"];

// A few milliseconds are what any request takes; a reader that tries again from every place takes hundreds.
const tolerance = (ordinary: number) => 6 * ordinary + 40;

test.each(forAnybody.map((route) => [`${route.method} ${route.path}`, route] as const))(
  "S-F4: %s does about the same work for whatever texts of one length",
  async (_, route) => {
    const send = route.method === "POST" ? post : get;
    const ordinary = await workFor(() => send(route, "x".repeat(15_000)));
    for (const [name, unit] of worstTexts) {
      const text = repeated(unit, 15_000).toString();
      await measured(async () =>
        expect(await workFor(() => send(route, text)), name).toBeLessThan(tolerance(ordinary)),
      );
    }
  },
);

test.each(inHeaders)("S-F4: the header %s costs about the same, whatever it says", async (header) => {
  const send = (value: string) =>
    fetch(`${stack.urls.app}/auth/session_info/`, {
      headers: { [header]: value, cookie: `__Host-session=x; ${value}` },
    });
  const ordinary = await workFor(() => send("x".repeat(6_000)));
  for (const [name, unit] of worstTexts) {
    const text = repeated(unit, 6_000)
      .toString("latin1")
      .replace(/[^\x20-\x7e]/g, " ");
    await measured(async () => expect(await workFor(() => send(`x${text}x`)), name).toBeLessThan(tolerance(ordinary)));
  }
});
