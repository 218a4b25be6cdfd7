import { sha256 } from "@anteroom/shared/runtime/crypto";
import { createTestDatabase } from "@anteroom/shared/testing/database";
import { expectDeclaredAnswer } from "@anteroom/shared/testing/faroe/declared";
import { type StubAppServer, startStubAppServer } from "@anteroom/shared/testing/faroe/stub-app-server";
import { type Dispatcher, Pool } from "undici";
import { migrate } from "../src/migrate.ts";
import { type AuthServer, startAuthServer } from "../src/server.ts";

export const internalSecret = "a secret between the servers and for tests only";

export interface Answer {
  ok: boolean;
  action_invocation_id: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read whatever the action answers.
  values: any;
  error_code?: string;
}

export interface Reply {
  status: number;
  headers: Dispatcher.ResponseData["headers"];
  text: string;
}

/** A running auth server with a database of its own and a stub for the app server. */
export interface TestServer {
  server: AuthServer;
  app: StubAppServer;
  databaseUrl: string;
  environment: Record<string, string>;
  public: Pool;
  private: Pool;
  /** Invokes an action on the private listener, which serves all of them. */
  invoke(action: string, args: Record<string, string>): Promise<Answer>;
  /** The same on the public listener. */
  invokePublic(action: string, args: Record<string, string>): Promise<Answer>;
  command(body: object): Promise<Reply>;
  stop(): Promise<void>;
}

/** Hashes a thousand times cheaper than real ones, for tests that are not about them. */
const cheapHash = "argon2id.1.64.1.32";

type Overrides = Record<string, string>;

export async function startTestServer(
  overrides: Overrides | ((app: StubAppServer) => Overrides) = {},
): Promise<TestServer> {
  // Whatever was made is taken away, last things first, also when a later step fails.
  await using made = new AsyncDisposableStack();
  const database = made.adopt(await createTestDatabase("auth", migrate), ({ drop }) => drop());
  const app = made.adopt(await startStubAppServer(), (stub) => stub.stop());
  const environment = {
    AUTH_PORT: "0",
    AUTH_PRIVATE_HOST: "127.0.0.1",
    AUTH_PRIVATE_PORT: "0",
    AUTH_DATABASE_URL: database.url,
    AUTH_DATABASE_POOL: "3",
    AUTH_APP_SERVER_URL: app.url,
    AUTH_SECRET: sha256("a secret of tests only").toString("base64"),
    AUTH_PASSWORD_HASH: cheapHash,
    AUTH_USER_CHECK_INTERVAL: "0s",
    INTERNAL_SECRET: internalSecret,
    TEST_MODE: "on",
    LOG_LEVEL: "silent",
    ...(typeof overrides === "function" ? overrides(app) : overrides),
  };
  const server = made.adopt(await startAuthServer(environment), (started) => started.stop());
  const pools = {
    public: new Pool(`http://127.0.0.1:${server.publicPort}`, { connections: 30 }),
    private: new Pool(`http://127.0.0.1:${server.privatePort}`, { connections: 30 }),
  };
  made.defer(async () => void (await Promise.all([pools.public.destroy(), pools.private.destroy()])));
  const whole = made.move();
  return {
    server,
    app,
    databaseUrl: database.url,
    environment,
    ...pools,
    invoke: (action, args) => invoke(pools.private, action, args),
    invokePublic: (action, args) => invoke(pools.public, action, args),
    command: (body) => post(pools.private, "/command", body),
    stop: () => whole.disposeAsync(),
  };
}

async function invoke(pool: Pool, action: string, args: Record<string, string>): Promise<Answer> {
  const { status, text } = await post(pool, "/", { action, arguments: args });
  if (status !== 200) throw new Error(`${action} was answered with status ${status}: ${text}`);
  const answer = JSON.parse(text) as Answer;
  expectDeclaredAnswer(action, answer);
  return answer;
}

/** POSTs JSON, or a text as it is, with the internal secret. */
export async function post(pool: Pool, path: string, body: object | string): Promise<Reply> {
  return request(pool, "POST", path, typeof body === "string" ? body : JSON.stringify(body), {
    authorization: `Bearer ${internalSecret}`,
  });
}

export async function request(
  pool: Pool,
  method: string,
  path: string,
  body: string | Buffer | null,
  headers: Record<string, string>,
): Promise<Reply> {
  const response = await pool.request({ method: method as Dispatcher.HttpMethod, path, headers, body });
  return { status: response.statusCode, headers: response.headers, text: await response.body.text() };
}
