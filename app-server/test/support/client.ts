import { expectDeclaredAnswer } from "@anteroom/shared/testing/faroe/declared";
import { expectDeclared } from "./declared.ts";
import type { Stack } from "./stack.ts";

export interface Reply {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  body: any;
  headers: Headers;
}

/** What differs between two answers to the same request: the time and the request's id. */
const ownHeaders = ["date", "x-request-id"];

/** Everything in an answer that could tell one address from another. */
export function tellTale({ status, body, headers }: Reply) {
  const shown = typeof body === "object" && body !== null ? { ...body, request_id: undefined } : body;
  const told = [...headers].filter(([name]) => !ownHeaders.includes(name));
  // The way back that a browser gets is the token of the same answer.
  const shapes = told.map(([name, value]) => [name, value.replace(/(?<=^__Host-request=)[\w-]{43}/, "…")]);
  return { status, body: shown, headers: shapes };
}

/** S-32: no answer to any test holds a password that was sent with its request. */
function expectUnspoken(sent: RequestInit["body"], answer: string): void {
  for (const [, password = ""] of String(sent).matchAll(/"password":"((?:[^"\\]|\\.){12,})"/g))
    if (answer.includes(password)) throw new Error(`An answer holds the password that was sent: ${answer}`);
}

async function send(url: string, init: RequestInit): Promise<Reply> {
  const response = await fetch(url, init);
  const text = await response.text();
  expectUnspoken(init.body, text);
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    // Not every answer is JSON.
  }
  return { status: response.status, body, headers: response.headers };
}

function json(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
}

/** What people, programs and operators do with the two servers, over HTTP. */
export function createClient(stack: Stack) {
  const { urls, env } = stack;
  const bearer = { authorization: `Bearer ${env.INTERNAL_SECRET}` };
  async function toApp(path: string, init: RequestInit): Promise<Reply> {
    const reply = await send(urls.app + path, init);
    expectDeclared(init.method ?? "GET", path, reply);
    return reply;
  }
  const app = {
    post: (path: string, body: unknown, headers?: Record<string, string>) => toApp(path, json(body, headers)),
    get: (path: string, headers: Record<string, string> = {}) => toApp(path, { headers }),
    raw: (path: string, init: RequestInit) => toApp(path, init),
  };
  async function invokeAt(url: string, action: string, args: object, headers: Record<string, string> = {}) {
    const { status, body } = await send(`${url}/`, json({ action, arguments: args }, headers));
    if (status === 200) expectDeclaredAnswer(action, body);
    return body;
  }
  const auth = (action: string, args: Record<string, string>) => invokeAt(urls.auth, action, args);
  const authPrivate = (action: string, args: Record<string, string>, headers: Record<string, string> = {}) =>
    invokeAt(urls.authPrivate, action, args, { ...bearer, ...headers });
  const command = (server: "auth" | "app", name: string, args: object = {}) =>
    send(
      `${server === "auth" ? urls.authPrivate : urls.appPrivate}/command`,
      json({ command: name, ...args }, bearer),
    ).then((reply) => reply.body);
  const email = (body: unknown, headers: Record<string, string> = {}) =>
    send(`${urls.appPrivate}/email`, json(body, { ...bearer, ...headers }));
  const invoke = (action: string, args: object) =>
    send(`${urls.appPrivate}/invoke`, json({ action, arguments: args }, bearer));

  async function signIn(address: string, password: string): Promise<string> {
    const { values } = await auth("create_signin", { user_email_address: address });
    const { signin_token } = values;
    await auth("verify_signin_user_password", { signin_token, password });
    const completed = await auth("complete_signin", { signin_token });
    if (!completed.ok) throw new Error(`Signing in ${address} failed: ${completed.error_code}`);
    return completed.values.session_token;
  }

  async function setSession(sessionToken: string): Promise<string> {
    const reply = await app.post("/cookies/set_session/", { session_token: sessionToken });
    return (reply.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  }

  /** The cookie of a test administrator. */
  async function adminCookie(): Promise<{ cookie: string }> {
    const { email: address, password } = await command("app", "get_admin_credentials");
    return { cookie: await setSession(await signIn(address, password)) };
  }

  async function register(address: string, names = { firstname: "Ada", lastname: "Lovelace" }): Promise<string> {
    const reply = await app.post("/auth/request_registration", { email: address, ...names });
    return reply.body.registration_token;
  }

  const status = (registrationToken: string) =>
    app.post("/auth/registration_status", { registration_token: registrationToken });

  const readCode = (address: string) => command("app", "get_token", { action: "signup_verification", email: address });

  /** Verifies, sets the password and completes; the answer of the last step. */
  async function completeSignup(signupToken: string, code: string, password = "correct horse battery staple") {
    await auth("verify_signup_email_address_verification_code", {
      signup_token: signupToken,
      email_address_verification_code: code,
    });
    await auth("set_signup_password", { signup_token: signupToken, password });
    return auth("complete_signup", { signup_token: signupToken });
  }

  async function advanceClocks(seconds: number): Promise<void> {
    await Promise.all([command("auth", "advance_clock", { seconds }), command("app", "advance_clock", { seconds })]);
  }

  return {
    app,
    auth,
    authPrivate,
    command,
    email,
    invoke,
    signIn,
    setSession,
    adminCookie,
    register,
    status,
    readCode,
    completeSignup,
    advanceClocks,
    drainMail: () => command("app", "drain_mail"),
  };
}

export type Client = ReturnType<typeof createClient>;
