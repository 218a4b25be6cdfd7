import { rememberDevice } from "../http/device.ts";
import { type Call, defineRoute, done, doneUnless, type Handled, type Route } from "../http/serve.ts";
import { clearSessionCookie, findCaller, sessionTokenOf } from "../http/session.ts";
import { limits } from "../limits.ts";
import { refuse } from "../outcome.ts";
import { deleteAccount } from "./deletion.ts";
import { confirmEmail, findPendingChange, requestEmailChange } from "./email-change.ts";
import { exportAccount } from "./export.ts";
import { deleteEmailChanges } from "./link-store.ts";
import { endSessions, listSessions } from "./own-sessions.ts";
import { choosePassword, readPasswordLink, requestPasswordLink } from "./password-links.ts";
import { updateNames } from "./store.ts";

/** What members do with their own account, and how they get back into it. */

const passwordLinkRoutes: readonly Route[] = [
  defineRoute("POST /account/request_password_link", {
    access: "anyone",
    limit: limits.linksPerCaller,
    handle: async ({ app, body: { email, token = "" } }) => {
      const refusal = await requestPasswordLink(app, email ? { email } : { token });
      if (refusal) return { ok: false, refusal };
      const message = "If there is an account with this address, a mail is on its way.";
      return { ok: true, values: { success: true, message } };
    },
  }),
  defineRoute("POST /account/password_link_status", {
    access: "anyone",
    handle: ({ app, body }) => readPasswordLink(app, body.token),
  }),
  defineRoute("POST /account/use_password_link", {
    access: "anyone",
    handle: async ({ http, app, body: { token, email, code, password } }) => {
      const by = token || email === undefined ? { token: token ?? "" } : { email };
      const chosen = await choosePassword(app, { by, code, password });
      if (!chosen.ok) return chosen;
      if (chosen.values.userId !== undefined) await rememberDevice(http, app, chosen.values.userId);
      return { ok: true, values: { success: true } };
    },
  }),
];

const emailChangeRoutes: readonly Route[] = [
  defineRoute("GET /account/email_change/", {
    access: "user",
    handle: async ({ app, caller }) => {
      return { ok: true, values: { pending: await findPendingChange(app, caller.userId) } };
    },
  }),
  defineRoute("POST /account/change_email", {
    access: "user",
    handle: ({ http, app, caller, body }) => requestEmailChange(app, caller, sessionTokenOf(http), body),
  }),
  defineRoute("POST /account/cancel_email_change", {
    access: "user",
    handle: async ({ app, caller }) => {
      await deleteEmailChanges(app.db, caller.userId);
      return { ok: true, values: { success: true } };
    },
  }),
  defineRoute("POST /account/confirm_email", { access: "anyone", usesSession: true, handle: confirm }),
];

type Confirmation = "POST /account/confirm_email";

async function confirm({ http, app, body }: Call<Confirmation>): Promise<Handled<Confirmation>> {
  if (body.token) return done(await confirmEmail(app, { token: body.token }, body.code));
  const found = await findCaller(http, app);
  if (found.status !== "valid") return refuse("no_session");
  return done(await confirmEmail(app, { userId: found.caller.userId }, body.code));
}

const sessionRoutes: readonly Route[] = [
  defineRoute("GET /account/sessions/", {
    access: "user",
    handle: async ({ http, app }) => {
      const listed = await listSessions(app, sessionTokenOf(http));
      return listed.ok ? { ok: true, values: { sessions: listed.values } } : listed;
    },
  }),
  defineRoute("POST /account/end_session/", {
    access: "user",
    handle: async ({ http, app, caller, body }) => {
      const which = { sessionId: body.session_id };
      const ended = await endSessions(app, caller.userId, sessionTokenOf(http), { which, password: body.password });
      if (!ended.ok) return ended;
      return ended.values.ended === 0 ? refuse("not_found/session") : { ok: true, values: { success: true } };
    },
  }),
  defineRoute("POST /account/end_other_sessions/", {
    access: "user",
    handle: async ({ http, app, caller, body: { password } }) =>
      done(await endSessions(app, caller.userId, sessionTokenOf(http), { which: "others", password })),
  }),
];

export const memberRoutes: readonly Route[] = [
  ...passwordLinkRoutes,
  ...emailChangeRoutes,
  ...sessionRoutes,
  defineRoute("POST /account/profile", {
    access: "user",
    handle: async ({ app, caller, body }) => {
      await updateNames(app.db, caller.userId, body);
      const { userId: user_id, ...user } = { ...caller, ...body };
      return { ok: true, values: { user_id, ...user } };
    },
  }),
  defineRoute("GET /account/export", {
    access: "user",
    file: "account.json",
    handle: ({ http, app, caller }) => exportAccount(app, caller, sessionTokenOf(http)),
  }),
  defineRoute("POST /account/delete", {
    access: "user",
    handle: async ({ http, app, caller, body }) => {
      const refusal = await deleteAccount(app, caller.userId, sessionTokenOf(http), body.password);
      if (!refusal) clearSessionCookie(http);
      return doneUnless(refusal);
    },
  }),
];
