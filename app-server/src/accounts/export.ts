import type { AccountExport } from "@anteroom/shared/wire/app/accounts";
import { listDecisionsAbout } from "../audit/log-store.ts";
import { refused } from "../auth-server/as-visitor.ts";
import type { AppContext } from "../context.ts";
import { listMailsOf } from "../mail/admin-store.ts";
import { type Outcome, refuse } from "../outcome.ts";
import { findPendingChange } from "./email-change.ts";
import { listSessions } from "./own-sessions.ts";
import { readPreferences } from "./preferences.ts";
import type { Caller } from "./store.ts";
import * as store from "./store.ts";

/** More mails than anybody gets within the time they are kept. */
const mostMails = 10_000;

/** Everything that is kept of a person, but for what is secret: hashes, tokens, codes. */
export async function exportAccount(
  context: AppContext,
  caller: Caller,
  sessionToken: string,
): Promise<Outcome<AccountExport, "invalid_session" | "auth_server_unavailable">> {
  const { db, clock } = context;
  const sessions = await listSessions(context, sessionToken);
  if (!sessions.ok && sessions.refusal.reason !== "not_supported") return refuse(sessions.refusal.reason);
  const [user, preferences] = [await store.findUser(db, { id: caller.userId }), await readPreferences(context, caller)];
  if (!user || !preferences) return refused("invalid_session_token");
  const { userId: user_id, ...shown } = caller;
  context.events.record("sensitive_read", { user: user_id, action: "export" });
  return {
    ok: true,
    values: {
      exported_at: clock.now(),
      account: { user_id, ...shown, language: preferences.language, created_at: user.created_at },
      permissions: await store.listPermissions(db, user_id),
      preferences,
      sessions: sessions.ok ? sessions.values : null,
      pending_email_change: await findPendingChange(context, user_id),
      mails: await listMailsOf(db, user, mostMails),
      decisions: await listDecisionsAbout(db, user),
    },
  };
}
