import type { Clock } from "@anteroom/shared/runtime/clock";
import type { Log } from "@anteroom/shared/runtime/log";
import type { SecurityEvents } from "@anteroom/shared/runtime/security-events";
import type { Kysely } from "kysely";
import type { Metrics } from "./http/metrics.ts";
import type { EmailBlocklist } from "./limits/email-blocklist.ts";
import type { Mailer } from "./mailer.ts";
import type { PasswordBlocklist } from "./passwords/blocklist.ts";
import type { HashQueue } from "./passwords/hash-queue.ts";
import type { Passwords } from "./passwords/passwords.ts";
import type { PasswordRangeCheck } from "./passwords/range-check.ts";
import type { Settings } from "./settings.ts";
import type { AuthDatabase } from "./store/database.ts";
import type { UserCache } from "./users/user-cache.ts";
import type { UserStore } from "./users/user-store.ts";

/** What the rules are given. */
export interface AuthContext {
  settings: Settings;
  db: Kysely<AuthDatabase>;
  clock: Clock;
  users: UserStore;
  userCache: UserCache;
  mailer: Mailer;
  hashQueue: HashQueue;
  passwords: Passwords;
  /** Mailed for a reset, hashed with less effort. */
  temporaryPasswords: Passwords;
  passwordBlocklist: PasswordBlocklist;
  passwordRangeCheck: PasswordRangeCheck | undefined;
  emailBlocklist: EmailBlocklist;
  keys: Keys;
  metrics: Metrics;
  events: SecurityEvents;
  log: Log;
}

export interface Keys {
  /** Seals mailed codes at rest. */
  codes: Buffer;
  /** Makes the user ids that are shown before a sign-in has proven anything. */
  shownUserIds: Buffer;
}
