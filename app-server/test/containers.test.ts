import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { checkout } from "@anteroom/launch/checkout";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readSettings as readAuthSettings } from "../../auth-server/src/settings.ts";
import { readSettings } from "../src/settings.ts";
import { type Image, layOutImage } from "./support/dockerfile.ts";
import { createServer, type Stack, startStack } from "./support/stack.ts";
import { waitUntil } from "./support/wait.ts";

let stack: Stack;
const images: Partial<Record<"auth" | "app", Image>> = {};

beforeAll(async () => {
  // As in the images: nothing that is for tests only.
  const env = { NODE_ENV: "production", TEST_MODE: "off", AUTH_PASSWORD_HASH: "" };
  stack = await startStack({ startServers: false, env });
  [images.auth, images.app] = await Promise.all([layOutImage("auth-server"), layOutImage("app-server")]);
}, 60_000);

afterAll(async () => {
  await stack?.stop();
  await images.auth?.[Symbol.asyncDispose]();
  await images.app?.[Symbol.asyncDispose]();
});

test("out 6, set 5: with what the Dockerfiles copy and each package declares, both servers run and serve the pages", async () => {
  const { urls, env } = stack;
  const auth = createServer("auth-server", env, `${urls.auth}/alive`, images.auth?.folder);
  const app = createServer("app-server", env, `${urls.app}/ready`, images.app?.folder);
  try {
    await Promise.all([auth.start(), app.start()]);
    const ready = () =>
      Promise.all([urls.auth, urls.app].map((url) => fetch(`${url}/ready`).then(({ status }) => status)));
    await waitUntil(ready, (statuses) => statuses.every((status) => status === 200));
    const page = await fetch(`${urls.app}/account/login`).then((reply) => reply.text());
    const script = /src="(\/web\/[^"]+\.js)"/.exec(page)?.[1];
    expect((await fetch(`${urls.app}${script}`)).status).toBe(200);
    expect((await fetch(`${urls.app}/openapi.json`)).status).toBe(200);
  } finally {
    await Promise.all([auth.stop(), app.stop()]);
  }
});

test("S-F16: what only builds the pages is not in the image", async () => {
  const { dependencies } = JSON.parse(await readFile(join(checkout, "app-server/package.json"), "utf8"));
  expect(Object.keys(dependencies).filter((name) => /vite|rolldown|react|wouter/.test(name))).toEqual([]);
});

test("S-F16: every container has no capabilities, gains none, and takes no more than its share", async () => {
  const compose = await readFile(join(checkout, "compose.yaml"), "utf8");
  const block = (name: string) => new RegExp(`^${name}\n((?: .*\n|\n)+)`, "m").exec(compose)?.[1] ?? "";
  const confined = block("x-confined: &confined");
  for (const line of ["cap_drop: \\[ALL\\]", "no-new-privileges:true", "mem_limit: \\d", "pids_limit: \\d"])
    expect(confined).toMatch(new RegExp(line));
  expect(block("x-server: &server")).toContain("<<: *confined");
  const services = block("services:")
    .split(/^ {2}(?=[a-z-]+:$)/m)
    .slice(1);
  expect(services.map((service) => service.split(":")[0])).toEqual(["database", "auth-server", "app-server"]);
  for (const service of services) expect(service).toMatch(/<<: \*(confined|server)/);
  expect(compose).not.toMatch(/cap_add|privileged: true/);
});

test("set 1: compose.yaml names no setting that nothing reads", async () => {
  const compose = await readFile(join(checkout, "compose.yaml"), "utf8");
  const names = [...compose.matchAll(/^ {6}((?:AUTH|BACKEND)_[A-Z_]+): /gm)].map(([, name = ""]) => name);
  const environment = Object.fromEntries(
    names.filter((name) => !name.endsWith("_DATABASE_PASSWORD")).map((name) => [name, "x"]),
  );
  expect(Object.keys(environment).length).toBeGreaterThan(20);
  for (const read of [readAuthSettings, readSettings])
    expect(() => read(environment)).toThrow(/^(?!.*is not a setting)/s);
});
