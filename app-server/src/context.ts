import type { Clock } from "@anteroom/shared/runtime/clock";
import type { Log } from "@anteroom/shared/runtime/log";
import type { SecurityEvents } from "@anteroom/shared/runtime/security-events";
import type { Kysely } from "kysely";
import type { AuthServer } from "./auth-server/client.ts";
import type { Credentials } from "./credentials.ts";
import type { AppDatabase } from "./database/tables.ts";
import type { Devices } from "./http/device.ts";
import type { MailQueue } from "./mail/send/queue.ts";
import type { Metrics } from "./operations/metrics.ts";
import type { Settings } from "./settings.ts";

/** What the rules are given. */
export interface AppContext {
  settings: Settings;
  db: Kysely<AppDatabase>;
  clock: Clock;
  credentials: Credentials;
  devices: Devices;
  authServer: AuthServer;
  mail: MailQueue;
  metrics: Metrics;
  events: SecurityEvents;
  log: Log;
  /** The name under which this process's database connections are seen by others. */
  processName: string;
}
