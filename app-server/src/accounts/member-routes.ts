import { z } from "zod";
import { rememberDevice } from "../http/device.ts";
import { answerDone, answerOutcome, answerRefusal, answerValues } from "../http/errors.ts";
import {
  addressField,
  codeField,
  handleField,
  nameField,
  newAddressField,
  newPasswordField,
  passwordField,
} from "../http/fields.ts";
import { type Call, defineRoute, noBody, type Route } from "../http/serve.ts";
import { clearSessionCookie, findCaller, sessionTokenOf } from "../http/session.ts";
import { limits } from "../limits.ts";
import { refusalOf } from "../outcome.ts";
import { deleteAccount } from "./deletion.ts";
import { confirmEmail, findPendingChange, requestEmailChange } from "./email-change.ts";
import { exportAccount } from "./export.ts";
import { deleteEmailChanges } from "./link-store.ts";
import { endSessions, listSessions } from "./own-sessions.ts";
import { choosePassword, readPasswordLink, requestPasswordLink } from "./password-links.ts";
import { updateNames } from "./store.ts";

/** What members do with their own account, and how they get back into it. */

const passwordLinkRoutes: readonly Route[] = [
  defineRoute({
    method: "POST",
    path: "/account/request_password_link",
    summary:
      "Mail a link for choosing a new password, to an address or to that of an expired link. Addresses with and without an account are answered alike.",
    access: "anyone",
    ipLimit: limits.linksPerCaller,
    body: z.object({ email: newAddressField.optional(), token: handleField.optional() }),
    either: ["email", "token"],
    handle: async ({ http, app, body: { email, token = "" } }) => {
      const to = email ? { email } : { token };
      const refusal = await requestPasswordLink(app, to);
      if (refusal) return answerRefusal(http, refusal);
      return http.json({ success: true, message: "If there is an account with this address, a mail is on its way." });
    },
  }),
  defineRoute({
    method: "POST",
    path: "/account/password_link_status",
    summary: "Whose password a mailed link is for, while it is good. Changes nothing.",
    access: "anyone",
    body: z.object({ token: handleField }),
    handle: async ({ http, app, body }) => answerValues(http, await readPasswordLink(app, body.token)),
  }),
  defineRoute({
    method: "POST",
    path: "/account/use_password_link",
    summary:
      "Choose a new password with the code of a mailed link, found by its token or by the address. Ends all sessions.",
    access: "anyone",
    body: z.object({
      token: handleField.optional(),
      email: addressField.optional(),
      code: codeField,
      password: newPasswordField,
    }),
    either: ["token", "email"],
    handle: async ({ http, app, body: { token, email = "", code, password } }) => {
      const by = token ? { token } : { email };
      const chosen = await choosePassword(app, { by, code, password });
      if (!chosen.ok) return answerRefusal(http, chosen.refusal);
      if (chosen.values.userId !== undefined) await rememberDevice(http, app, chosen.values.userId);
      return http.json({ success: true });
    },
  }),
];

const emailChangeRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/account/email_change/",
    summary: "The new address that waits for its code, if there is one.",
    access: "user",
    body: noBody,
    handle: async ({ http, app, caller }) => http.json({ pending: await findPendingChange(app, caller.userId) }),
  }),
  defineRoute({
    method: "POST",
    path: "/account/change_email",
    summary: "Mail a link to a new address. It takes the old one's place when the link is used.",
    access: "user",
    body: z.object({ email: newAddressField, password: passwordField }),
    handle: async ({ http, app, caller, body }) =>
      answerValues(http, await requestEmailChange(app, caller, sessionTokenOf(http), body)),
  }),
  defineRoute({
    method: "POST",
    path: "/account/cancel_email_change",
    summary: "Keep the address; the mailed link no longer works.",
    access: "user",
    body: noBody,
    handle: async ({ http, app, caller }) => {
      await deleteEmailChanges(app.db, caller.userId);
      return http.json({ success: true });
    },
  }),
  defineRoute({
    method: "POST",
    path: "/account/confirm_email",
    summary: "Confirm a new address with the code of a mailed link; without its token, one's own while signed in.",
    access: "anyone",
    usesSession: true,
    body: z.object({ token: handleField.optional(), code: codeField }),
    handle: confirm,
  }),
];

async function confirm({ http, app, body }: Call<{ token?: string | undefined; code: string }>): Promise<Response> {
  if (body.token) return answerOutcome(http, await confirmEmail(app, { token: body.token }, body.code));
  const found = await findCaller(http, app);
  if (found.status !== "valid") return answerRefusal(http, refusalOf("no_session"));
  return answerOutcome(http, await confirmEmail(app, { userId: found.caller.userId }, body.code));
}

const sessionRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/account/sessions/",
    summary: "Where one is signed in.",
    access: "user",
    body: noBody,
    handle: async ({ http, app }) => {
      const listed = await listSessions(app, sessionTokenOf(http));
      return listed.ok ? http.json({ sessions: listed.values }) : answerRefusal(http, listed.refusal);
    },
  }),
  defineRoute({
    method: "POST",
    path: "/account/end_session/",
    summary: "Sign out somewhere else. Asks for the password unless one has just signed in.",
    access: "user",
    body: z.object({ session_id: handleField, password: passwordField.optional() }),
    handle: async ({ http, app, caller, body }) => {
      const which = { sessionId: body.session_id };
      const ended = await endSessions(app, caller.userId, sessionTokenOf(http), { which, password: body.password });
      if (!ended.ok) return answerRefusal(http, ended.refusal);
      if (ended.values.ended === 0) return answerRefusal(http, refusalOf("not_found/session"));
      return http.json({ success: true });
    },
  }),
  defineRoute({
    method: "POST",
    path: "/account/end_other_sessions/",
    summary: "Sign out everywhere else. Asks for the password unless one has just signed in.",
    access: "user",
    body: z.object({ password: passwordField.optional() }),
    handle: async ({ http, app, caller, body: { password } }) =>
      answerOutcome(http, await endSessions(app, caller.userId, sessionTokenOf(http), { which: "others", password })),
  }),
];

export const memberRoutes: readonly Route[] = [
  ...passwordLinkRoutes,
  ...emailChangeRoutes,
  ...sessionRoutes,
  defineRoute({
    method: "POST",
    path: "/account/profile",
    summary: "Change one's names.",
    access: "user",
    body: z.object({ firstname: nameField, lastname: nameField.default("") }),
    handle: async ({ http, app, caller, body }) => {
      await updateNames(app.db, caller.userId, body);
      const { userId: user_id, ...user } = { ...caller, ...body };
      return http.json({ user_id, ...user });
    },
  }),
  defineRoute({
    method: "GET",
    path: "/account/export",
    summary: "Everything that is kept of oneself, as a file.",
    access: "user",
    body: noBody,
    handle: async ({ http, app, caller }) => {
      const exported = await exportAccount(app, caller, sessionTokenOf(http));
      if (!exported.ok) return answerRefusal(http, exported.refusal);
      return http.body(`${JSON.stringify(exported.values, undefined, 2)}\n`, 200, {
        "content-type": "application/json",
        "content-disposition": 'attachment; filename="account.json"',
      });
    },
  }),
  defineRoute({
    method: "POST",
    path: "/account/delete",
    summary: "Delete one's account, at once and for good. Not for the last administrator.",
    access: "user",
    body: z.object({ password: passwordField }),
    handle: async ({ http, app, caller, body }) => {
      const refusal = await deleteAccount(app, caller.userId, sessionTokenOf(http), body.password);
      if (!refusal) clearSessionCookie(http);
      return answerDone(http, refusal);
    },
  }),
];
