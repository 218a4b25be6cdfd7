import type { AccountPreferences, PendingEmailChange } from "@anteroom/shared/wire/app/accounts";
import type { SessionOverview } from "@anteroom/shared/wire/faroe";
import { queryOptions } from "@tanstack/react-query";
import { app } from "../api/client.ts";
import { asException } from "../api/errors.ts";

/** What the account's page reads. */

export const emailChangeQuery = queryOptions({ queryKey: ["account", "email-change"], queryFn: readEmailChange });
export const preferencesQuery = queryOptions({ queryKey: ["account", "preferences"], queryFn: readPreferences });
export const sessionsQuery = queryOptions({ queryKey: ["account", "sessions"], queryFn: readSessions });

async function readEmailChange(): Promise<PendingEmailChange | null> {
  const answer = await app("GET /account/email_change/");
  if (answer.ok) return answer.values.pending;
  throw asException(answer);
}

async function readPreferences(): Promise<AccountPreferences> {
  const answer = await app("GET /account/preferences/");
  if (answer.ok) return answer.values;
  throw asException(answer);
}

/** Null where the auth server does not list them. */
async function readSessions(): Promise<SessionOverview[] | null> {
  const answer = await app("GET /account/sessions/");
  if (answer.ok) return answer.values.sessions;
  if (answer.error === "not_supported") return null;
  throw asException(answer);
}
