import { resolve } from "node:path";
import { createSettingsReader, type Environment } from "@anteroom/shared/runtime/settings";

/** One server's listeners. Port 0 takes a free one. `privateHost` undefined: the private loopback address of this machine. */
export type ServerAddresses = {
  host: string;
  port: number;
  privateHost: string | undefined;
  privatePort: number;
};

/** What `npm start` itself needs to know; everything else in the environment is the servers' business. */
export type LaunchSettings = Readonly<{
  dataDirectory: string;
  emailsDirectory: string;
  sendsByMail: boolean;
  frontendOrigin: string | undefined;
  auth: ServerAddresses;
  app: ServerAddresses;
  authDatabaseUrl: string | undefined;
  appDatabaseUrl: string | undefined;
  /** Connections that both servers may open at once. */
  connections: number;
}>;

/** Reads the launcher's settings; throws SettingsError naming every fault. Relative folders are taken from `checkout`. */
export function readLaunchSettings(environment: Environment, checkout: string): LaunchSettings {
  const reader = createSettingsReader(environment);
  const addresses = (prefix: "AUTH" | "BACKEND", port: number, privatePort: number): ServerAddresses => ({
    host: reader.text(`${prefix}_HOST`, "127.0.0.1"),
    port: reader.port(`${prefix}_PORT`, port),
    privateHost: reader.optionalText(`${prefix}_PRIVATE_HOST`),
    privatePort: reader.port(`${prefix}_PRIVATE_PORT`, privatePort),
  });
  const settings: LaunchSettings = Object.freeze({
    dataDirectory: resolve(checkout, reader.text("ANTEROOM_DATA_DIR", ".data")),
    emailsDirectory: resolve(checkout, reader.text("BACKEND_EMAILS_DIR", "emails")),
    sendsByMail: reader.flag("BACKEND_SMTP_SEND", false),
    frontendOrigin: reader.optionalText("BACKEND_FRONTEND_ORIGIN"),
    auth: addresses("AUTH", 12770, 12771),
    app: addresses("BACKEND", 12780, 12790),
    authDatabaseUrl: reader.optionalText("AUTH_DATABASE_URL"),
    appDatabaseUrl: reader.optionalText("BACKEND_DATABASE_URL"),
    connections: reader.integer("AUTH_DATABASE_POOL", 10, 1, 200) + reader.integer("BACKEND_DATABASE_POOL", 10, 1, 200),
  });
  reader.finish();
  return settings;
}
