import { Hono } from "hono";
import ipaddr from "ipaddr.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Listener, listen } from "../runtime/http/listener.ts";
import { createPeer, knowsInternalSecret, type Peer } from "../runtime/http/private-calls.ts";
import { currentRequest, type RequestSource } from "../runtime/http/request-scope.ts";

const freshId = /^[a-km-np-z2-9]{24}$/;
const proxies = { trustedProxies: [ipaddr.parseCIDR("127.0.0.1/32")], trustedProxyHeader: "x-forwarded-for" };

const secret = "a secret between two servers, 32+";

let behind: Listener;
let front: Listener;
let peer: Peer;

/** Two servers as ours are: the front one asks the one behind, and answers with what both know of the request. */
beforeAll(async () => {
  const second = new Hono();
  second.post("/", (c) => c.json(seen()));
  behind = await open(second, { from: "peer", isPeer: knowsInternalSecret([secret]) });
  peer = createPeer({ baseUrl: `http://127.0.0.1:${behind.port}`, secret, timeout: 5_000 });
  const first = new Hono();
  first.get("/", async (c) => c.json({ here: seen(), there: (await peer.post("/", {})).body }));
  front = await open(first, { from: "visitors", proxies, device: (cookies) => cookies?.replace("device=", "") });
});

afterAll(async () => {
  await peer?.close();
  await Promise.all([front?.close(100), behind?.close(100)]);
});

function open(app: Hono, source: RequestSource): Promise<Listener> {
  return listen(app, { host: "127.0.0.1", port: 0, setting: "A_PORT", source });
}

function seen() {
  const { id, caller, userAgent, device, cause } = currentRequest() ?? {};
  return { id, caller, userAgent, device, cause };
}

async function ask(headers: Record<string, string>) {
  const reply = await fetch(`http://127.0.0.1:${front.port}/`, { headers });
  return { id: reply.headers.get("x-request-id"), ...((await reply.json()) as Record<"here" | "there", object>) };
}

test("R41: a request is known to both servers by one id, which its answer names, and with its visitor", async () => {
  const reply = await ask({ "x-forwarded-for": "2001:db8:1:2:3::9", "user-agent": "Lynx", cookie: "device=d1:u1" });
  const visit = { id: reply.id, caller: "2001:db8:1:2::/64", userAgent: "Lynx", device: "d1:u1" };
  expect(reply).toEqual({ id: expect.stringMatching(freshId), here: visit, there: visit });
});

test("R41: no visitor names the request, proves a device or says that nobody caused it by header", async () => {
  const said = { "x-request-id": "mine", "x-anteroom-device": "d2:u2", "x-anteroom-cause": "site" };
  const reply = await ask({ ...said, "user-agent": "Lynx" });
  expect(reply.id).toMatch(freshId);
  const known = { id: reply.id, caller: "127.0.0.1", userAgent: "Lynx" };
  expect([reply.here, reply.there]).toEqual([known, known]);
});

test("R41: whoever lacks the internal secret names neither request nor visitor on a private listener", async () => {
  const stranger = createPeer({ baseUrl: `http://127.0.0.1:${behind.port}`, secret: undefined, timeout: 5_000 });
  const said = {
    "x-request-id": "mine",
    "x-forwarded-for": "192.0.2.1",
    "x-anteroom-device": "d2:u2",
    "x-anteroom-cause": "site",
  };
  const { body } = await stranger.post("/", {}, said);
  expect(body).toEqual({ id: expect.stringMatching(freshId), caller: "127.0.0.1", userAgent: "" });
  await stranger.close();
  expect((await peer.post("/", {}, said)).body).toMatchObject({
    id: "mine",
    caller: "192.0.2.1",
    device: "d2:u2",
    cause: "site",
  });
});

test("R41: what is no request has no scope, and ids that could not be ours are replaced", async () => {
  expect(currentRequest()).toBeUndefined();
  const { body } = await peer.post("/", {});
  expect(body).toMatchObject({ id: expect.stringMatching(freshId), caller: "127.0.0.1" });
  const odd = await peer.post("/", {}, { "x-request-id": "a b" });
  expect(odd.body).toMatchObject({ id: expect.stringMatching(freshId) });
});

test("requests at once keep apart", async () => {
  const replies = await Promise.all(Array.from({ length: 50 }, (_, n) => ask({ "user-agent": `agent ${n}` })));
  expect(new Set(replies.map(({ id }) => id)).size).toBe(50);
  for (const [n, { id, there }] of replies.entries()) expect(there).toMatchObject({ id, userAgent: `agent ${n}` });
});
