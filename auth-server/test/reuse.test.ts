import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createAuthClient } from "@anteroom/shared/client/auth";
import { freePort } from "@anteroom/shared/testing/ports";
import { afterAll, beforeAll, expect, test } from "vitest";
import { internalSecret, startTestServer, type TestServer } from "./harness.ts";

const example = fileURLToPath(new URL("../../docs/examples/notes.ts", import.meta.url));

let auth: TestServer;
let service: ChildProcess;
let serviceUrl: string;
const mails: { type: string; email: string; code: string }[] = [];

beforeAll(async () => {
  const port = await freePort();
  serviceUrl = `http://127.0.0.1:${port}`;
  auth = await startTestServer({ AUTH_USER_STORE: "local", AUTH_APP_SERVER_URL: serviceUrl });
  const AUTH_URL = `http://127.0.0.1:${auth.server.publicPort}`;
  service = spawn(process.execPath, [example], {
    env: { AUTH_URL, NOTES_PORT: String(port) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (service.stdout) createInterface(service.stdout).on("line", (line) => mails.push(JSON.parse(line)));
  while (!(await fetch(serviceUrl).catch(() => undefined))) await new Promise((resolve) => setTimeout(resolve, 50));
});

afterAll(async () => {
  service?.kill();
  await auth?.stop();
});

test("the example in docs/reuse.md is the one that is tested", async () => {
  const document = await readFile(new URL("../../docs/reuse.md", import.meta.url), "utf8");
  expect(document).toContain(await readFile(example, "utf8"));
});

test("another service uses the auth server alone: sign-up, sign-in, sessions and sign-out with users of its own", async () => {
  const people = createAuthClient(`http://127.0.0.1:${auth.server.publicPort}`);
  const service = createAuthClient(`http://127.0.0.1:${auth.server.privatePort}`, {
    headers: { authorization: `Bearer ${internalSecret}` },
  });
  const password = "correct horse battery staple";
  const signup = await service.create_signup({ email_address: "ada@example.com" });
  if (!signup.ok) throw new Error(signup.error);
  const { signup_token } = signup.values;
  const [mail] = mails;
  expect(mail).toMatchObject({ type: "signup_verification", email: "ada@example.com" });
  await people.verify_signup_email_address_verification_code({
    signup_token,
    email_address_verification_code: mail?.code ?? "",
  });
  await people.set_signup_password({ signup_token, password });
  expect((await people.complete_signup({ signup_token })).ok).toBe(true);

  const signin = await people.create_signin({ user_email_address: "ada@example.com" });
  if (!signin.ok) throw new Error(signin.error);
  const { signin_token } = signin.values;
  const wrong = await people.verify_signin_user_password({ signin_token, password: "something else entirely" });
  expect(wrong).toEqual({ ok: false, error: "incorrect_password" });
  await people.verify_signin_user_password({ signin_token, password });
  const completed = await people.complete_signin({ signin_token });
  if (!completed.ok) throw new Error(completed.error);
  const { session_token } = completed.values;

  expect((await fetch(serviceUrl)).status).toBe(401);
  const headers = { authorization: `Bearer ${session_token}` };
  const written = await fetch(serviceUrl, { method: "POST", headers, body: JSON.stringify("remember the milk") });
  expect(await written.json()).toEqual(["remember the milk"]);

  expect(await people.delete_session({ session_token })).toEqual({ ok: true, values: {} });
  expect((await fetch(serviceUrl, { headers })).status).toBe(401);
});

test("a client of a server that is not there says so", async () => {
  const nobody = createAuthClient("http://127.0.0.1:9", { timeout: 500 });
  expect(await nobody.get_session({ session_token: "x" })).toMatchObject({ ok: false, error: "unreachable" });
});
