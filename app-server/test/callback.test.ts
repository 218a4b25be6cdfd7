import { setTimeout as sleep } from "node:timers/promises";
import { forwardingHeaders } from "@anteroom/shared/runtime/http/request-scope";
import { measured } from "@anteroom/shared/testing/measured";
import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Gate } from "./support/crossings.ts";
import { activate, readCodeMails, readRows } from "./support/people.ts";
import { type ProxiedStack, startProxiedStack } from "./support/proxied-stack.ts";
import { waitUntil } from "./support/wait.ts";

interface Scene {
  stack: ProxiedStack;
  admin: { cookie: string };
}

async function start(env: Record<string, string>): Promise<Scene> {
  const stack = await startProxiedStack({ env });
  return { stack, admin: await stack.client.adminCookie() };
}

const accept = ({ stack, admin }: Scene, email: string) =>
  stack.client.app.post("/admin/accept_user/", { email }, admin);

async function timed<T>(run: () => Promise<T>): Promise<{ result: T; milliseconds: number }> {
  const startedAt = performance.now();
  const result = await run();
  return { result, milliseconds: performance.now() - startedAt };
}

describe("a slow /email", () => {
  const environments = {
    "the usual pools": {},
    "one database connection each": { AUTH_DATABASE_POOL: "1", BACKEND_DATABASE_POOL: "1" },
  };
  const scenes = new Map<string, Scene>();

  beforeAll(async () => {
    const start_ = async ([name, env]: [string, Record<string, string>]) => void scenes.set(name, await start(env));
    await Promise.all(Object.entries(environments).map(start_));
  });
  afterAll(() => Promise.all([...scenes.values()].map(({ stack }) => stack.stop())));

  test.concurrent.each(Object.keys(environments))(
    "D-18, S-12: acceptance takes as long and holds, everybody else is served as before, with %s",
    async (name) => {
      const scene = scenes.get(name) as Scene;
      await measured((turn) => acceptSlowly(scene, `${turn}@example.com`));
    },
  );
});

/** Accepts one person whose mail takes two seconds, one with five, and a third meanwhile. */
async function acceptSlowly(scene: Scene, end: string): Promise<void> {
  const { client, recorder } = scene.stack;
  const quick = await client.register(`quick${end}`);
  await Promise.all([client.register(`two${end}`), client.register(`five${end}`)]);
  const usual = await measureOthers(scene, quick);
  recorder.gate = ({ what, phase, text }) => {
    if (what !== "/email" || phase !== "call" || text.includes("quick")) return undefined;
    return sleep(text.includes("two") ? 2_000 : 5_000);
  };
  const held = ["two", "five"].map((name) => timed(() => accept(scene, name + end)));
  const meanwhile = await measureOthers(scene, quick);
  const other = await timed(() => accept(scene, `quick${end}`));
  const [two, five] = await Promise.all(held);
  // Whoever waits for the mail waits for seconds.
  for (const [endpoint, median] of Object.entries(meanwhile))
    expect(median, endpoint).toBeLessThan(3 * (usual[endpoint] ?? 0) + 200);
  expect([other, two, five].map((one) => one?.result.status)).toEqual([200, 200, 200]);
  expect(other.milliseconds, "somebody else is accepted meanwhile").toBeLessThan(patiently(1_000));
  for (const [one, least] of [[two, 2_000] as const, [five, 5_000] as const]) {
    expect(one?.milliseconds).toBeGreaterThanOrEqual(least);
    expect(one?.milliseconds).toBeLessThan(least + 1_500);
  }
  expect(await activate(scene.stack, client, `five${end}`)).toMatchObject({ ok: true });
}

/** Medians, in milliseconds, of what both servers answer for a while. */
async function measureOthers({ stack, admin }: Scene, registrationToken: string): Promise<Record<string, number>> {
  const { client } = stack;
  const asked = {
    registration_status: () => client.status(registrationToken),
    lookup_registration: () => client.app.post("/auth/lookup_registration", { email: "x@example.com", code: "x" }),
    list_newusers: () => client.app.get("/admin/list_newusers/", admin),
    session_info: () => client.app.get("/auth/session_info/", admin),
    create_signin: () => client.auth("create_signin", { user_email_address: "x@example.com" }),
    get_session: () => client.auth("get_session", { session_token: "x.y" }),
  };
  const samples = new Map<string, number[]>(Object.keys(asked).map((name) => [name, []]));
  const until = performance.now() + 600;
  while (performance.now() < until)
    for (const [name, ask] of Object.entries(asked)) samples.get(name)?.push((await timed<unknown>(ask)).milliseconds);
  return Object.fromEntries([...samples].map(([name, values]) => [name, median(values)]));
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

describe("an acceptance that fails", () => {
  let scene: Scene;
  let stack: ProxiedStack;

  beforeAll(async () => {
    scene = await start({
      AUTH_EMAIL_TIMEOUT: "1s",
      AUTH_INVOKE_TIMEOUT: "1s",
      BACKEND_AUTH_TIMEOUT: "3s",
      AUTH_USER_CHECK_INTERVAL: "0s",
    });
    stack = scene.stack;
  });
  afterAll(() => stack?.stop());
  beforeEach(() => stack.recorder.reset());

  /** What waits for this gets no answer. */
  const hanging = Promise.withResolvers<undefined>();

  /** A kept connection that was cut at the other end fails the first call that takes it. */
  const reachAppServer = () =>
    waitUntil(
      () => stack.client.auth("create_signin", { user_email_address: "nobody@example.com" }),
      ({ ok }) => ok,
    );

  const atEmail =
    (meet: () => ReturnType<Gate>): Gate =>
    ({ what, phase }) =>
      what === "/email" && phase === "call" ? meet() : undefined;

  const failures: { name: string; gate: () => Gate; mails: number }[] = [
    {
      name: "/email answers 500",
      gate: () => atEmail(async () => ({ status: 500, body: { success: false, error: "no" } })),
      mails: 0,
    },
    {
      name: "/email cuts the connection",
      gate: () => atEmail(() => Promise.reject(new Error("cut"))),
      mails: 0,
    },
    {
      name: "/email refuses the connection",
      gate: () => (crossing) => {
        if (crossing.what === "get_user_by_email_address" && crossing.phase === "answer") stack.proxies.toApp.refuse();
        return undefined;
      },
      mails: 0,
    },
    { name: "/email hangs past the auth server's patience", gate: () => atEmail(() => hanging.promise), mails: 0 },
    {
      name: "/email takes the mail, but its answer hangs",
      gate: () => (crossing) =>
        crossing.what === "/email" && crossing.phase === "answer" ? hanging.promise : undefined,
      mails: 1,
    },
    ...["invalid_email_address", "email_address_already_used", "email_address_not_allowed", "internal_conflict"].map(
      (error_code) => ({
        name: `create_signup answers ${error_code}`,
        gate: (): Gate => refuseSignup(error_code),
        mails: 0,
      }),
    ),
  ];

  /** What no second try would mend. */
  const final = ["invalid_email_address", "email_address_already_used", "email_address_not_allowed"];

  test.each(failures)(
    "D-28, D-30: $name: refused with its code, rows as before, a second accept works",
    async (failure) => {
      const email = `${failures.indexOf(failure)}@example.com`;
      await stack.client.register(email);
      // Long ago, so that a time that was changed shows.
      await stack.sql`update registration_state set created_at = 1, expires_at = expires_at - 100 where email = ${email}`;
      const before = await readRows(stack, email);
      stack.recorder.gate = failure.gate();
      const { result, milliseconds } = await timed(() => accept(scene, email));
      const errorCode = /answers (\w+_\w+)$/.exec(failure.name)?.[1] ?? "internal_error";
      const status = final.includes(errorCode) ? 409 : 500;
      expect(result).toMatchObject({ status, body: { error: "Faroe signup failed", error_code: errorCode } });
      expect(milliseconds).toBeLessThan(patiently(2_500));
      await expectUnchanged(email, before, errorCode);

      stack.recorder.reset();
      await stack.proxies.toApp.accept();
      await reachAppServer();
      await stack.client.drainMail();
      expect(await readCodeMails(stack, email)).toHaveLength(failure.mails);
      expect(await accept(scene, email)).toMatchObject({ status: 200, body: { success: true } });
      expect(await activate(stack, stack.client, email)).toMatchObject({ ok: true });
      expect(await readCodeMails(stack, email)).toHaveLength(failure.mails + 1);
    },
  );

  test("D-28: the auth server is down: nothing changes, and it works when it is back", async () => {
    const email = "down@example.com";
    await stack.client.register(email);
    const before = await readRows(stack, email);
    await stack.servers.auth.kill();
    expect(await accept(scene, email)).toMatchObject({ status: 503, body: { code: "auth_server_unavailable" } });
    await expectUnchanged(email, before, null);
    stack.proxies.toAuth.refuse();
    expect(await stack.client.command("app", "accept", { email })).toMatchObject({ error_code: "internal_error" });
    await expectUnchanged(email, before, "internal_error");
    await stack.proxies.toAuth.accept();
    await stack.servers.auth.start();
    expect(await accept(scene, email)).toMatchObject({ status: 200 });
  });

  test("D-28, S-F1: the site has sent the address twenty mails: 429 rate_limited, rows as before, later it works", async () => {
    const email = "flooded@example.com";
    await stack.client.register(email);
    for (let i = 0; i < 20; i++)
      expect(
        await stack.client.authPrivate("create_signup", { email_address: email }, forwardingHeaders("site")),
      ).toMatchObject({
        ok: true,
      });
    const before = await readRows(stack, email);
    expect(await accept(scene, email)).toMatchObject({ status: 429, body: { error_code: "rate_limited" } });
    await expectUnchanged(
      email,
      { ...before, registration: { ...before.registration, mailed_at: null } },
      "rate_limited",
    );
    await stack.client.advanceClocks(1_800);
    scene.admin = await stack.client.adminCookie();
    expect(await accept(scene, email)).toMatchObject({ status: 200 });
  });

  async function expectUnchanged(email: string, before: unknown, openingError: string | null): Promise<void> {
    const { registration, newuser } = await readRows(stack, email);
    expect({ registration: { ...registration, opening_error: null }, newuser }).toEqual(before);
    expect(registration?.opening_error, "why it failed is kept").toBe(openingError);
  }

  test("S-9: every call between the servers that gets no answer ends within its time", async () => {
    const { client } = stack;
    const person = (name: string) => ({ email: `${name}@s9.example.com` });
    const [, open, withdrawn] = await Promise.all(
      ["waiting", "open", "withdrawn", "ready"].map((name) => client.register(person(name).email)),
    );
    await Promise.all(["open", "withdrawn", "ready"].map((name) => accept(scene, person(name).email)));
    const ready = await verified(person("ready").email);
    const code = (await readCodeMails(stack, person("withdrawn").email)).at(-1)?.code;
    const session_token = scene.admin.cookie.split("=")[1] ?? "";
    stack.recorder.reset();
    stack.recorder.gate = ({ phase }) => (phase === "call" ? hanging.promise : undefined);

    const asked = {
      get_session: () => client.app.get("/auth/session_info/", scene.admin),
      create_signup: () => client.command("app", "accept", person("waiting")),
      create_sibling_signup: () => client.status(open ?? ""),
      send_signup_email_address_verification_code: () => client.command("app", "resend", person("open")),
      delete_signup: () => client.app.post("/auth/withdraw_registration", { registration_token: withdrawn, code }),
      delete_session: () => client.app.raw("/cookies/clear_session/", { method: "POST", headers: scene.admin }),
      "/alive": () => client.app.get("/ready"),
      get_user: () => client.auth("get_session", { session_token }),
      get_user_by_email_address: () => client.auth("create_signin", { user_email_address: "x@example.com" }),
      create_user: () => client.auth("complete_signup", { signup_token: ready }),
    };
    const answers = await Promise.all(Object.values(asked).map((ask) => timed<unknown>(ask)));
    for (const [index, name] of Object.keys(asked).entries()) {
      expect(stack.recorder.calls(name), `${name} was under way`).not.toEqual([]);
      expect(answers[index]?.milliseconds, name).toBeLessThan(patiently(4_500));
    }
    expect(answers.map(({ result }) => result)).toMatchObject([
      { status: 503, body: { code: "auth_server_unavailable" } },
      { code: "signup_outcome_unknown", error_code: "internal_error" },
      { status: 503, body: { code: "auth_server_unavailable" } },
      { code: expect.any(String) },
      { status: 200 },
      { status: expect.any(Number) },
      { status: 503, body: { auth_server: false } },
      { ok: false, error_code: "internal_error" },
      { ok: false, error_code: "internal_error" },
      { ok: false, error_code: "internal_error" },
    ]);
  });

  /** A sign-up that only has to be completed. */
  async function verified(email: string): Promise<string> {
    await stack.client.drainMail();
    const [mail] = await readCodeMails(stack, email);
    const registration_token = new URL(mail?.link ?? "").searchParams.get("token") ?? "";
    const { signup_token } = (await stack.client.status(registration_token)).body;
    const shown = { signup_token, email_address_verification_code: mail?.code ?? "" };
    await stack.client.auth("verify_signup_email_address_verification_code", shown);
    await stack.client.auth("set_signup_password", { signup_token, password: "correct horse battery staple" });
    return signup_token;
  }
});

function refuseSignup(error_code: string): Gate {
  return ({ what, phase }) =>
    what === "create_signup" && phase === "call"
      ? Promise.resolve({ status: 200, body: { ok: false, action_invocation_id: "x", error_code } })
      : undefined;
}
