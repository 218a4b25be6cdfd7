import type { Clock } from "@anteroom/shared/runtime/clock";
import type { Log } from "@anteroom/shared/runtime/log";
import type { SecurityEvents } from "@anteroom/shared/runtime/security-events";
import type { Kysely } from "kysely";
import type { Devices } from "./accounts/device.ts";
import type { AuthServer } from "./auth-server.ts";
import type { AppDatabase } from "./database.ts";
import type { MailQueue } from "./mail/send/queue.ts";
import type { Metrics } from "./operations/metrics.ts";
import type { Handles } from "./registration/handles.ts";
import type { Settings } from "./settings.ts";

/** What the rules are given. */
export interface AppContext {
  settings: Settings;
  db: Kysely<AppDatabase>;
  clock: Clock;
  handles: Handles;
  devices: Devices;
  authServer: AuthServer;
  mail: MailQueue;
  metrics: Metrics;
  events: SecurityEvents;
  log: Log;
  /** The name under which this process's database connections are seen by others. */
  processName: string;
}
