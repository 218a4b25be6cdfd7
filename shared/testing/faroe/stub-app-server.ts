import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { randomId } from "../../runtime/crypto.ts";
import type { EmailRequest } from "../../wire/email.ts";
import type { User, UserServerAction } from "../../wire/user-server.ts";

/** Something that goes wrong once, after `skip` calls of the kind went well. */
export type Fault = { skip?: number } & (
  | { target: "email"; op: string }
  | { target: "password_strength"; op?: string }
  | {
      target: "user_server";
      op: string;
      /** The error code to answer with. */
      error?: string;
      /** The body to answer with. */
      raw?: string;
      /** Gives no answer at all. */
      transport?: boolean;
      /** The operation takes effect all the same. */
      after?: boolean;
    }
);

/** The app server, as the auth server sees it: a user store in memory and a mailbox, both open to the test. */
export interface StubAppServer {
  url: string;
  users: User[];
  /** Mails not looked at yet, oldest first. */
  mailbox: EmailRequest[];
  faults: Fault[];
  /** Every call so far: the user-server action, or the type of the mail. */
  calls: string[];
  /** Runs before each answer; what it throws or waits for is seen by the auth server. Undefined: nothing. */
  intercept: ((call: { path: string; body: Record<string, unknown> }) => Promise<void> | void) | undefined;
  /** Values of `Authorization` seen. */
  authorizations: Set<string | undefined>;
  reset(): void;
  stop(): Promise<void>;
}

type Arguments = Record<string, string | number>;
type Answer = { ok: true; values: object } | { ok: false; error_code: string };

export async function startStubAppServer(): Promise<StubAppServer> {
  const stub: StubAppServer = {
    url: "",
    users: [],
    mailbox: [],
    faults: [],
    calls: [],
    intercept: undefined,
    authorizations: new Set(),
    reset: () => {
      stub.users = [];
      stub.mailbox = [];
      stub.faults = [];
      stub.calls = [];
      stub.intercept = undefined;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server: Server = createServer((request, response) => {
    handle(stub, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return stub;
}

async function handle(stub: StubAppServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? "";
  if (path === "/alive") return respond(response, 200, { status: "alive" });
  if (path.startsWith("/range/")) return answerRange(stub, response);
  stub.authorizations.add(request.headers.authorization);
  const body = JSON.parse(await text(request)) as Record<string, unknown>;
  await stub.intercept?.({ path, body });
  if (path === "/email") return takeEmail(stub, body as unknown as EmailRequest, response);
  return answerInvocation(stub, body.action as UserServerAction, body.arguments as Arguments, response);
}

/** A service for breached passwords that knows none. */
function answerRange(stub: StubAppServer, response: ServerResponse): void {
  response.writeHead(takeFault(stub, "password_strength") ? 500 : 200).end();
}

function takeEmail(stub: StubAppServer, email: EmailRequest, response: ServerResponse): void {
  stub.calls.push(email.type);
  const isRefused = takeFault(stub, "email", email.type) !== undefined;
  if (!isRefused) stub.mailbox.push(email);
  respond(response, isRefused ? 500 : 200, { success: !isRefused });
}

function answerInvocation(stub: StubAppServer, action: UserServerAction, args: Arguments, response: ServerResponse) {
  stub.calls.push(action);
  const fault = takeFault(stub, "user_server", action);
  const answer = fault && !fault.after ? undefined : operations[action](stub, args);
  if (fault?.transport) return void response.destroy();
  if (fault?.raw !== undefined) return void response.writeHead(200).end(fault.raw);
  const final: Answer | undefined = fault?.error ? { ok: false, error_code: fault.error } : answer;
  return respond(response, 200, { ...final, action_invocation_id: randomId() });
}

function takeFault<T extends Fault["target"]>(stub: StubAppServer, target: T, op?: string) {
  const fault = stub.faults.find((one) => one.target === target && one.op === op);
  if (fault === undefined) return undefined;
  if (fault.skip) {
    fault.skip--;
    return undefined;
  }
  stub.faults.splice(stub.faults.indexOf(fault), 1);
  return fault as Extract<Fault, { target: T }>;
}

function respond(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

const notFound: Answer = { ok: false, error_code: "user_not_found" };
const addressUsed: Answer = { ok: false, error_code: "email_address_already_used" };
const nothing: Answer = { ok: true, values: {} };

const operations: Record<UserServerAction, (stub: StubAppServer, args: Arguments) => Answer> = {
  create_user: (stub, args) => {
    if (hasAddress(stub, args)) return addressUsed;
    return { ok: true, values: { user: addUser(stub, args) } };
  },
  get_user: (stub, args) => show(stub.users.find(({ id }) => id === args.user_id)),
  get_user_by_email_address: (stub, args) =>
    show(stub.users.find(({ email_address }) => email_address === args.email_address)),
  update_user_email_address: (stub, args) => {
    if (hasAddress(stub, args)) return addressUsed;
    return update(stub, args, "email_address_counter", { email_address: args.email_address as string });
  },
  update_user_password_hash: (stub, args) =>
    update(stub, args, "password_hash_counter", {
      password_hash: args.password_hash as string,
      password_hash_algorithm_id: args.password_hash_algorithm_id as string,
      password_salt: args.password_salt as string,
    }),
  increment_user_sessions_counter: (stub, args) => update(stub, args, "sessions_counter", {}),
  delete_user: (stub, args) => {
    const index = stub.users.findIndex(({ id }) => id === args.user_id);
    if (index === -1) return notFound;
    stub.users.splice(index, 1);
    return nothing;
  },
};

/** Adds a user with all counters at 0; `set` overwrites members. */
export function addUser(stub: StubAppServer, set: Partial<User>): User {
  const user: User = {
    id: randomId(),
    email_address: "",
    password_hash: "",
    password_hash_algorithm_id: "",
    password_salt: "",
    disabled: false,
    display_name: "",
    email_address_counter: 0,
    password_hash_counter: 0,
    disabled_counter: 0,
    sessions_counter: 0,
    ...set,
  };
  stub.users.push(user);
  return user;
}

function hasAddress(stub: StubAppServer, args: Arguments): boolean {
  return stub.users.some((user) => user.email_address === args.email_address);
}

function show(user: User | undefined): Answer {
  return user ? { ok: true, values: { user } } : notFound;
}

function update(
  stub: StubAppServer,
  args: Arguments,
  counter: "email_address_counter" | "password_hash_counter" | "sessions_counter",
  set: Partial<User>,
): Answer {
  const user = stub.users.find(({ id }) => id === args.user_id);
  if (user?.[counter] !== args[`user_${counter}`] || user === undefined) return notFound;
  Object.assign(user, set, { [counter]: user[counter] + 1 });
  return nothing;
}
