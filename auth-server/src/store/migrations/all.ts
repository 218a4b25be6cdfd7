import type { Migration } from "kysely/migration";
import * as signupsSigninsSessions from "./001-signups-signins-sessions.ts";
import * as userChanges from "./002-user-changes.ts";
import * as localUsers from "./003-local-users.ts";
import * as passwordTries from "./004-password-tries.ts";
import * as guesses from "./005-guesses.ts";
import * as keptSecret from "./010-kept-secret.ts";

/** Listed by hand, in order; a migration that has been released is never changed. */
export const migrations: Record<string, Migration> = {
  "001-signups-signins-sessions": signupsSigninsSessions,
  "002-user-changes": userChanges,
  "003-local-users": localUsers,
  "004-password-tries": passwordTries,
  "005-guesses": guesses,
  "010-kept-secret": keptSecret,
};
