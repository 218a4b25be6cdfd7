import { randomBytes } from "node:crypto";
import { lstat, mkdir, readFile, readlink, rename, stat, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { endLeftover, endOrphans } from "../folder/leftovers.ts";
import type { Secrets } from "../folder/secrets.ts";
import { freePort } from "../ports.ts";
import { refusal } from "../refusal.ts";
import {
  canEnter,
  type Identity,
  type Programs,
  preparePrograms,
  reachableFolder,
  unprivilegedIdentity,
} from "./binaries.ts";
import { createCluster, type Postmaster, readLockFile, startPostmaster } from "./postgres.ts";

/** The embedded PostgreSQL of one data folder, ready to be started. `location` is where its files really lie. */
export type Embedded = { programs: Programs; location: string; log: string; connections: number };

/** The databases: each belongs to a role of the same name, and no other role may connect. */
const databases = [
  { name: "auth", password: "AUTH_DATABASE_PASSWORD" },
  { name: "app", password: "BACKEND_DATABASE_PASSWORD" },
] as const;

const hba = ["auth auth", "app app", "all postgres"].map((who) => `host ${who} 127.0.0.1/32 scram-sha-256\n`).join("");

/**
 * Little memory, few processes and a quick start; but every commit is on the disk before it is acknowledged
 * (fsync, synchronous_commit and full_page_writes keep their defaults).
 */
const settings = {
  shared_buffers: "32MB",
  huge_pages: "off",
  jit: "off",
  io_method: "sync",
  wal_level: "minimal",
  max_wal_senders: "0",
  max_wal_size: "256MB",
  max_logical_replication_workers: "0",
  max_parallel_workers: "0",
  autovacuum_max_workers: "2",
  log_checkpoints: "off",
};

/** Makes the cluster when there is none yet, and ends a PostgreSQL that a killed launcher left behind. */
export async function prepareEmbedded(options: {
  dataDirectory: string;
  secrets: Secrets;
  connections: number;
  cancelled: AbortSignal;
}): Promise<Embedded> {
  const location = await locate(options.dataDirectory);
  const identity = await identityFor(location);
  const programs = await preparePrograms(identity);
  if (await exists(location)) {
    await endLeftover(location);
  } else {
    const { cancelled } = options;
    await createCluster(programs, {
      dataDirectory: location,
      password: options.secrets.POSTGRES_PASSWORD,
      hba,
      cancelled,
    });
  }
  const log = join(options.dataDirectory, "postgres.log");
  await keepLogShort(log);
  return { programs, location, log, connections: options.connections + 40 };
}

/** Starts it on the port of the last time, or on another when somebody has taken that. */
export async function startEmbedded(embedded: Embedded, cancelled?: AbortSignal): Promise<Postmaster> {
  await endOrphans(embedded.location);
  const port = await freePort(await lastPort(embedded.location));
  return startPostmaster(embedded.programs, {
    dataDirectory: embedded.location,
    port,
    settings: { ...settings, max_connections: String(embedded.connections) },
    log: embedded.log,
    ...(cancelled === undefined ? {} : { cancelled }),
  });
}

/** As startEmbedded, but patient with what a crash leaves behind: PostgreSQL refuses to start beside its own remains. */
export async function startAfterCrash(embedded: Embedded, cancelled: AbortSignal): Promise<Postmaster> {
  for (const deadline = Date.now() + 30_000; ; await sleep(250)) {
    try {
      return await startEmbedded(embedded, cancelled);
    } catch (error) {
      const isTransient = error instanceof Error && /shared memory block|lock file|already in use/.test(error.message);
      if (!isTransient || Date.now() > deadline || cancelled.aborted) {
        throw error;
      }
    }
  }
}

/** Makes the two databases where they are missing. Safe to repeat: a crash in between is completed by the next start. */
export async function ensureDatabases(port: number, secrets: Secrets): Promise<void> {
  const sql = postgres({
    host: "127.0.0.1",
    port,
    user: "postgres",
    password: secrets.POSTGRES_PASSWORD,
    max: 1,
    onnotice: () => undefined,
  });
  try {
    const rows = await sql<{ name: string }[]>`SELECT datname AS name FROM pg_database`;
    for (const { name, password } of databases) {
      if (!rows.some((row) => row.name === name)) {
        await sql.unsafe(`DROP ROLE IF EXISTS ${name}`); // left by a start that ended between the two
        await sql.unsafe(`CREATE ROLE ${name} LOGIN PASSWORD '${secrets[password]}'`);
        await sql.unsafe(`CREATE DATABASE ${name} OWNER ${name}`);
      }
      await sql.unsafe(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
    }
    await sql.unsafe("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC");
  } catch (cause) {
    throw explainLogin(cause);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function explainLogin(cause: unknown): unknown {
  const isPassword = cause instanceof Error && "code" in cause && cause.code === "28P01";
  return isPassword
    ? refusal("The passwords in secrets.json are not those of the database: restore secrets.json from a backup.", cause)
    : cause;
}

/** The URL a server reaches its database at. */
export function databaseUrl(name: "auth" | "app", port: number, secrets: Secrets): string {
  const password = name === "auth" ? secrets.AUTH_DATABASE_PASSWORD : secrets.BACKEND_DATABASE_PASSWORD;
  return `postgres://${name}:${password}@127.0.0.1:${port}/${name}`;
}

/** The port of the PostgreSQL that runs on this data folder, if one does. */
export async function runningPort(dataDirectory: string): Promise<number | undefined> {
  const lines = await readLockFile(await locate(dataDirectory));
  return lines[7]?.startsWith("ready") ? Number(lines[3]) : undefined;
}

/**
 * `postgres` in the data folder, or where that is a link to: PostgreSQL's account cannot enter every folder of root's,
 * so there the files lie elsewhere and the link says where. Deleting the data folder so begins anew in a new place.
 */
async function locate(dataDirectory: string): Promise<string> {
  const path = join(dataDirectory, "postgres");
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSymbolicLink()) {
    return resolve(dataDirectory, await readlink(path));
  }
  const identity = await identityFor(path);
  if (await canEnter(path, identity)) {
    return path;
  }
  if (found !== undefined) {
    throw refusal(
      `PostgreSQL's account (uid ${identity.uid}) cannot enter ${path}: open the folders above it (chmod o+x).`,
    );
  }
  const place = join(await reachableFolder(identity), `data-${randomBytes(6).toString("hex")}`);
  await mkdir(place, { mode: 0o711 });
  await symlink(join(place, "postgres"), path);
  return join(place, "postgres");
}

/** Data that an ordinary user made is served under that user's account also when root starts it. */
async function identityFor(location: string): Promise<Identity> {
  const found = await stat(location).catch(() => undefined);
  const own = process.getuid?.();
  if (found === undefined || found.uid === own) {
    return unprivilegedIdentity();
  }
  if (own !== 0) {
    throw refusal(
      `${location} belongs to another user (uid ${found.uid}): start as that user, or set ANTEROOM_DATA_DIR.`,
    );
  }
  return { uid: found.uid, gid: found.gid };
}

/** PostgreSQL notes its last command line in its data folder. */
async function lastPort(location: string): Promise<number | undefined> {
  const command = await readFile(join(location, "postmaster.opts"), "utf8").catch(() => "");
  const port = /"-p" "(\d+)"/.exec(command)?.[1];
  return port === undefined ? undefined : Number(port);
}

async function keepLogShort(log: string): Promise<void> {
  const size = await stat(log).then(
    (found) => found.size,
    () => 0,
  );
  if (size > 1_000_000) {
    await rename(log, `${log}.old`);
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
