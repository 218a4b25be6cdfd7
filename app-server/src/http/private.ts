import { randomId } from "@anteroom/shared/runtime/crypto";
import { isOutage } from "@anteroom/shared/runtime/database/errors";
import { requireInternalSecret } from "@anteroom/shared/runtime/http/private-calls";
import { parseInvocation, parseStrictJson } from "@anteroom/shared/wire/invocation";
import { isUserServerAction, readUserServerArguments, type UserServerAction } from "@anteroom/shared/wire/user-server";
import { type Context, Hono } from "hono";
import { readEmailRequest, takeMail } from "../callbacks/email.ts";
import { userServerRules } from "../callbacks/user-server.ts";
import type { AppContext } from "../context.ts";
import type { Commands } from "../operations/command.ts";
import { limitBody, withErrors } from "./app.ts";

/** The private listener: the auth server's calls back, and the operator's commands. */
export function createPrivateApp(context: AppContext, commands: Commands): Hono {
  const app = new Hono();
  app.use(requireInternalSecret(context.settings.internalSecrets, context.events));
  // Behind the secret, so that whoever asks learns whether theirs is right.
  app.get("/alive", (http) => http.json({ status: "alive" }));
  app.use(limitBody);
  app.get("/metrics", async (http) => {
    const { text, contentType } = await context.metrics.render();
    return http.body(text, 200, { "content-type": contentType });
  });
  app.post("/email", (http) => answerEmail(http, context));
  app.post("/invoke", (http) => answerInvocation(http, context));
  app.post("/command", (http) => answerCommand(http, commands));
  return withErrors(app, context);
}

async function answerEmail(http: Context, context: AppContext): Promise<Response> {
  const request = readEmailRequest(await readJson(http));
  if (typeof request === "string") return http.json({ success: false, error: request }, 400);
  try {
    await takeMail(context, request, http.req.header("x-request-id"));
    return http.json({ success: true });
  } catch (error) {
    context.log.error({ err: error, type: request.type }, "a mail could not be queued");
    return http.json({ success: false, error: "The mail could not be queued." }, isOutage(error) ? 503 : 500);
  }
}

async function answerInvocation(http: Context, context: AppContext): Promise<Response> {
  const invocation = parseInvocation(new Uint8Array(await http.req.arrayBuffer()));
  if (!invocation || !isUserServerAction(invocation.action)) return http.json({ error: "unknown action" }, 400);
  const args = readUserServerArguments(invocation.action, invocation.arguments);
  if (!args) return http.json({ error: "invalid arguments" }, 400);
  const result = await invoke(context, invocation.action, args);
  const action_invocation_id = randomId();
  return result.ok
    ? http.json({ ok: true, action_invocation_id, values: result.values })
    : http.json({ ok: false, action_invocation_id, error_code: result.error });
}

function invoke(context: AppContext, action: UserServerAction, args: unknown) {
  const rule = userServerRules[action] as (
    context: AppContext,
    args: unknown,
  ) => Promise<{ ok: true; values: object } | { ok: false; error: string }>;
  return rule(context, args);
}

async function answerCommand(http: Context, commands: Commands): Promise<Response> {
  const body = await readJson(http);
  const { command, ...args } = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const run = typeof command === "string" && Object.hasOwn(commands, command) ? commands[command] : undefined;
  if (!run) return http.json({ error: "unknown command" }, 400);
  const result = await run(args);
  return "error" in result ? http.json(result, 400) : http.json(result);
}

async function readJson(http: Context): Promise<unknown> {
  return parseStrictJson(new Uint8Array(await http.req.arrayBuffer()));
}
