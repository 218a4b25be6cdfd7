import { join } from "node:path";
import type { Launch } from "./launch.ts";
import type { Addresses, SettledAddresses } from "./ports.ts";

export type ServerName = "auth-server" | "app-server";

/** A small young generation keeps 40 to 100 MiB of garbage out of each server. */
export const nodeFlags = ["--max-semi-space-size=8"];

/** What else keeps their memory small: glibc would keep eight times as many heaps as there are cores, and freed ones. */
export const memorySettings = { MALLOC_ARENA_MAX: "2", MALLOC_TRIM_THRESHOLD_: "131072" };

/** Settings of the other server that hold a secret: a server that is taken over must not give the other one away. */
const withheld: Record<ServerName, string[]> = {
  "auth-server": ["BACKEND_SECRET", "BACKEND_DATABASE_URL", "BACKEND_SMTP_PASSWORD"],
  "app-server": ["AUTH_SECRET", "AUTH_DATABASE_URL"],
};

/**
 * The environment of one server: what was given; where nothing was, the generated secrets and where the servers find
 * each other; and the addresses as they were settled.
 */
export function serverEnvironment(
  name: ServerName,
  { environment: given, settings, secrets, addresses }: Launch,
  databaseUrls: { auth: string; app: string },
): Record<string, string> {
  const urls = urlsOf(addresses);
  const frontend = settings.frontendOrigin ?? urls.app;
  const all = {
    AUTH_SECRET: secrets.AUTH_SECRET,
    BACKEND_SECRET: secrets.BACKEND_SECRET,
    INTERNAL_SECRET: secrets.INTERNAL_SECRET,
    AUTH_APP_SERVER_URL: urls.appPrivate,
    // Whose pages may call the app server may call the auth server too: said once.
    AUTH_CORS_ORIGINS: [frontend, urls.app, given.BACKEND_TRUSTED_ORIGINS].filter(Boolean).join(","),
    BACKEND_AUTH_SERVER_URL: urls.auth,
    BACKEND_AUTH_PRIVATE_URL: urls.authPrivate,
    BACKEND_FRONTEND_ORIGIN: frontend,
    ...memorySettings,
    // Compiled code is kept, so that servers start faster the next time.
    NODE_COMPILE_CACHE: join(settings.dataDirectory, "compile-cache"),
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value)),
    // Passwords made of the site's name are the first that a stranger tries.
    AUTH_PASSWORD_CONTEXT_WORDS: `${given.AUTH_PASSWORD_CONTEXT_WORDS ?? ""} ${given.BACKEND_SITE_NAME ?? ""}`,
    ...listenerSettings("AUTH", addresses.auth),
    ...listenerSettings("BACKEND", addresses.app),
    AUTH_DATABASE_URL: databaseUrls.auth,
    BACKEND_DATABASE_URL: databaseUrls.app,
    BACKEND_EMAILS_DIR: settings.emailsDirectory,
  };
  return Object.fromEntries(Object.entries(all).filter(([key]) => !withheld[name].includes(key)));
}

function listenerSettings(prefix: string, addresses: SettledAddresses): Record<string, string> {
  return {
    [`${prefix}_HOST`]: addresses.host,
    [`${prefix}_PORT`]: String(addresses.port),
    [`${prefix}_PRIVATE_HOST`]: addresses.privateHost,
    [`${prefix}_PRIVATE_PORT`]: String(addresses.privatePort),
  };
}

/** Where this machine reaches the four listeners. */
export function urlsOf({ auth, app }: Addresses) {
  return {
    auth: urlOf(auth.host, auth.port),
    authPrivate: urlOf(auth.privateHost, auth.privatePort),
    app: urlOf(app.host, app.port),
    appPrivate: urlOf(app.privateHost, app.privatePort),
  };
}

/** A listener on all addresses is reached at the loopback one. */
function urlOf(host: string, port: number): string {
  const reachable = { "0.0.0.0": "127.0.0.1", "::": "::1" }[host] ?? host;
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}
