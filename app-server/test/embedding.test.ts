import { type ChildProcess, execFile, spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { buildPages } from "@anteroom/launch/pages";
import { patiently } from "@anteroom/shared/testing/patience";
import { freePort } from "@anteroom/shared/testing/ports";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readSettings } from "../src/settings.ts";
import { findAllowed } from "../web/api/allowed-address.ts";
import { launchBrowser, openPage } from "./support/browser.ts";
import { createClient } from "./support/client.ts";
import { readMails, type Stack, startStack } from "./support/stack.ts";
import { waitUntil } from "./support/wait.ts";
import { createWalk, goodPassword, type Walk } from "./support/walk.ts";

/** docs/embedding.md: the example page, made with the packed client and nothing else of the project, in each way. */
const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);
const node = (program: string, args: string[], cwd: string) =>
  run(process.execPath, [join(root, "node_modules", program), ...args], { cwd });

let stack: Stack;
let client: ReturnType<typeof createClient>;
let walk: Walk;
let browser: Browser;
let folder: string;
let pages: ChildProcess;
let port: number;

beforeAll(async () => {
  port = await freePort();
  const origins = [`http://localhost:${port}`, `http://app.anteroom.localhost:${port}`].join(",");
  folder = await mkdtemp(join(tmpdir(), "anteroom-frontend-"));
  [stack, browser] = await Promise.all([
    startStack({
      env: {
        BACKEND_TRUSTED_ORIGINS: origins,
        AUTH_CORS_ORIGINS: origins,
        BACKEND_HOME_URL: "https://club.example/members",
      },
    }),
    launchBrowser(),
    buildExample(),
    buildPages(root),
  ]);
  client = createClient(stack);
  walk = await createWalk(stack, client);
  pages = spawn(
    process.execPath,
    [
      join(root, "node_modules/vite/bin/vite.js"),
      "preview",
      "--host",
      "127.0.0.1",
      "--port",
      String(port),
      "--strictPort",
    ],
    { cwd: folder, env: { PATH: process.env.PATH ?? "", ANTEROOM_URL: stack.urls.app }, stdio: "ignore" },
  );
  const isUp = () =>
    fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    );
  await waitUntil(isUp, Boolean);
});

afterAll(async () => {
  pages?.kill();
  await Promise.all([browser?.close(), stack?.stop(), rm(folder, { recursive: true, force: true })]);
});

/** As a stranger would: the archive is installed, the usual compiler reads its types, and Vite bundles it. */
async function buildExample(): Promise<void> {
  await cp(join(root, "docs/examples/frontend"), folder, { recursive: true });
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder, "-w", "@anteroom/client"], {
    cwd: root,
  });
  const [archive = ""] = /anteroom-client-[\w.-]+\.tgz/.exec(stdout) ?? [];
  await run("npm", ["install", "--offline", "--no-audit", "--no-fund", "--prefix", folder, join(folder, archive)], {
    cwd: folder,
  });
  await Promise.all([
    node("typescript/bin/tsc", ["-p", folder], folder),
    node("vite/bin/vite.js", ["build", "--logLevel", "error"], folder),
  ]);
}

test("E2: what is packed needs nothing of the servers, and is small", async () => {
  const installed = join(folder, "node_modules/@anteroom/client");
  const { dependencies } = JSON.parse(await readFile(join(installed, "package.json"), "utf8"));
  expect(dependencies).toBeUndefined();
  expect((await readFile(join(installed, "README.md"), "utf8")).length).toBeGreaterThan(500);
  expect((await readFile(join(installed, "LICENSE"), "utf8")).length).toBeGreaterThan(500);
  expect((await readFile(join(installed, "dist/index.js"))).length).toBeLessThan(40_000);
});

const ways = () => {
  const server = encodeURIComponent(stack.urls.app);
  const accounts = stack.urls.app.replace("127.0.0.1", "accounts.anteroom.localhost");
  return {
    "of the same site, by a proxy": `http://localhost:${port}/`,
    "of a sub-domain": `http://app.anteroom.localhost:${port}/?server=${encodeURIComponent(accounts)}`,
    "of another site, with session tokens": `http://localhost:${port}/?server=${server}&auth=${encodeURIComponent(stack.urls.auth)}`,
  };
};

test.each(["of the same site, by a proxy", "of a sub-domain", "of another site, with session tokens"] as const)(
  "H7: a page %s registers, waits, activates, shows the account, signs out and in",
  async (way) => {
    const email = `embedded.${way.length}@example.com`;
    const { page } = await openPage(browser);
    await page.goto(ways()[way]);
    const shows = (text: string) =>
      expect.poll(() => page.textContent("#account"), { timeout: patiently(15_000) }).toBe(text);
    await shows("Nobody is signed in");
    await page.getByLabel("Email", { exact: true }).fill(email);
    await page.getByRole("button", { name: "Sign up" }).click();
    await shows("Waiting for a decision");
    expect((await client.app.post("/admin/accept_user/", { email }, walk.admin)).status).toBe(200);
    await shows("The request is accepted");
    const [mail] = await waitUntil(
      () => readMails(stack, email),
      (mails) => mails.length > 0,
    );
    await page.getByLabel("Code").fill(mail?.code ?? "");
    await page.getByLabel("Password", { exact: true }).fill(goodPassword);
    await page.getByRole("button", { name: "Activate" }).click();
    await shows(`Signed in as ${email}`);
    await page.getByRole("button", { name: "Sign out" }).click();
    await shows("Signed out");
    await page.getByLabel("Your email").fill(email);
    await page.getByLabel("Your password").fill(goodPassword);
    await page.getByRole("button", { name: "Sign in" }).click();
    await shows(`Signed in as ${email}`);
    await page.context().close();
  },
);

test("H7: where a browser would not keep the cookie, that is said; where an origin is not named, that too", async () => {
  const { page } = await openPage(browser);
  const server = encodeURIComponent(stack.urls.app);
  await page.goto(`http://localhost:${port}/?server=${server}`);
  await page.getByLabel("Your email").fill("nobody@example.com");
  await page.getByLabel("Your password").fill(goodPassword);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect.poll(() => page.textContent("#account")).toBe("Refused: cookie_not_kept");
  await page.goto(`http://other.localhost:${port}/?server=${server}`);
  await expect.poll(() => page.textContent("#account")).toBe("Refused: invalid_origin");
  await page.context().close();
});

test("H7: signing in leads back to a page that is named, or to the page asked for since; the account leads on to the site's home", async () => {
  const email = "sent.here@example.com";
  await walk.activate(email);
  const { page } = await openPage(browser, { locale: "en-GB" });
  const back = `http://localhost:${port}/?here`;
  const sentFrom = `${stack.urls.app}/account/login?redirect_to=${encodeURIComponent(back)}`;
  const signIn = async () => {
    await page.getByLabel("Email").fill(email);
    await page.getByLabel("Password", { exact: true }).fill(goodPassword);
    await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
  };
  const isAtPassword = async () => {
    await expect.poll(() => page.evaluate("document.activeElement.id")).toBe("password-title");
    expect(page.url()).toBe(`${stack.urls.app}/account#password`);
  };
  await page.goto(sentFrom);
  await page.goto(`${stack.urls.app}/.well-known/change-password`);
  await signIn();
  await isAtPassword();
  await page.reload();
  await isAtPassword();
  await page.goto(sentFrom);
  const wayBack = page.getByRole("link", { name: `Continue to localhost:${port}` });
  expect(await wayBack.getAttribute("href")).toBe(back);
  await page.context().clearCookies();
  await page.goto(sentFrom);
  await signIn();
  await page.waitForURL(back);
  await page.goto(`${stack.urls.app}/account`);
  const on = page.getByRole("link", { name: "Continue to club.example" });
  expect(await on.getAttribute("href")).toBe("https://club.example/members");
  await page.context().close();
});

test("H7: only whole addresses of exactly the named origins lead away", () => {
  const named = ["https://app.example"];
  expect(findAllowed("https://app.example/a?b#c", named)).toBe("https://app.example/a?b#c");
  for (const wrong of [
    "javascript:alert(1)",
    "//app.example",
    "/account",
    "https://app.example@evil.example",
    "https://user@app.example/",
    "https://evil.example\\@app.example/",
    "https://app.example\\evil",
    "https://app.example.evil.example",
    "http://app.example",
    "https://app.example:8443",
  ])
    expect(findAllowed(wrong, named), wrong).toBeUndefined();
});

test("H3: another name of this machine leads to the server's own address, and no other host does", async () => {
  const { port: own } = new URL(stack.urls.app);
  const visit = (host: string, path = "/account/login?next=%2Fadmin", method = "GET") =>
    new Promise<{ status: number; to: string | undefined }>((resolve, reject) => {
      request(`${stack.urls.app}${path}`, { method, headers: { host } }, (answer) => {
        answer.resume();
        resolve({ status: answer.statusCode ?? 0, to: answer.headers.location });
      })
        .on("error", reject)
        .end();
    });
  const to = `${stack.urls.app}/account/login?next=%2Fadmin`;
  for (const host of [`localhost:${own}`, `[::1]:${own}`, `127.0.0.2:${own}`])
    expect(await visit(host), host).toEqual({ status: 302, to });
  for (const host of [new URL(stack.urls.app).host, `evil.example:${own}`, "people.example", "localhost:1"])
    expect(await visit(host), host).toEqual({ status: 200, to: undefined });
  expect((await visit(`localhost:${own}`, "/alive")).status).toBe(200);
  // A proxy that people come by may ask by any name of this machine.
  const before = stack.env.BACKEND_FRONTEND_ORIGIN;
  for (const [origin, status] of [
    ["https://people.example", 200],
    [before, 302],
  ] as const) {
    Object.assign(stack.env, { BACKEND_FRONTEND_ORIGIN: origin });
    await stack.servers.app.stop();
    await stack.servers.app.start();
    expect((await visit(`localhost:${own}`)).status).toBe(status);
  }
  expect((await visit(`localhost:${own}`, "//evil.example/")).to).toBeUndefined();
});

test("E5: a path without its last slash means the same", async () => {
  expect((await client.app.raw("/admin/list_newusers/", { method: "GET", headers: walk.admin })).status).toBe(200);
  expect((await fetch(`${stack.urls.app}/admin/list_newusers`, { headers: walk.admin })).status).toBe(200);
  expect((await fetch(`${stack.urls.app}/admin/accept_user`)).status).toBe(405);
});

test("H7: a home is an https address, without a user", () => {
  const read = (url: string) => readSettings({ ...stack.env, BACKEND_HOME_URL: url }).homeUrl;
  expect(read("https://club.example/a?b")).toBe("https://club.example/a?b");
  for (const wrong of ["http://club.example", "javascript:alert(1)", "https://a@club.example", "/members"])
    expect(() => read(wrong), wrong).toThrow("BACKEND_HOME_URL");
});
