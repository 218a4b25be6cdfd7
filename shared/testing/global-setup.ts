import { randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sendSignal } from "@anteroom/launch/child";
import { endLeftover } from "@anteroom/launch/folder/leftovers";
import { freePort } from "@anteroom/launch/ports";
import { canEnter, type Programs, preparePrograms } from "@anteroom/launch/postgres/binaries";
import { createCluster, type Postmaster, startPostmaster } from "@anteroom/launch/postgres/postgres";
import type { TestProject } from "vitest/node";
import { measurePatience } from "./patience.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** The run's own PostgreSQL, as superuser, database `postgres`. */
    postgresUrl: string;
    /** A temporary folder, for what tests of the run share. */
    runFolder: string;
  }
}

const folderPrefix = "anteroom-tests-";

/** Nothing here has to outlive the run, so PostgreSQL need not wait for the disk. */
const settings = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  wal_level: "minimal",
  max_wal_senders: "0",
  max_connections: "300",
  shared_buffers: "64MB",
  io_method: "sync",
  jit: "off",
  autovacuum_naptime: "10min",
};

let folder: string | undefined;
let postmaster: Postmaster | undefined;

/**
 * One PostgreSQL for the whole run, in a temporary folder; tests make their databases in it (testing/database.ts). Or one
 * that many runs share, whose address they are given.
 */
export async function setup(project: Pick<TestProject, "provide">): Promise<void> {
  project.provide("patience", await measurePatience());
  const programs = await preparePrograms();
  const parent = await temporaryFolder(programs);
  await removeLeftovers(parent);
  folder = await mkdtemp(join(parent, folderPrefix));
  await writeFile(join(folder, "run.pid"), String(process.pid));
  // PostgreSQL may run under another account, which has to pass through this folder.
  await chmod(folder, 0o711);
  project.provide("runFolder", folder);
  const given = process.env.ANTEROOM_TEST_POSTGRES;
  if (given) return void project.provide("postgresUrl", given);
  const password = randomBytes(24).toString("base64url");
  postmaster = await startFresh(programs, folder, password);
  project.provide("postgresUrl", `postgres://postgres:${password}@127.0.0.1:${postmaster.port}/postgres`);
}

export async function teardown(): Promise<void> {
  await postmaster?.stop(3_000);
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
}

async function startFresh(programs: Programs, folder: string, password: string): Promise<Postmaster> {
  const dataDirectory = join(folder, "data");
  // Checking a password the quick way: every test opens connections, and nothing secret lies here.
  const hba = "host all all 127.0.0.1/32 password\n";
  await createCluster(programs, { dataDirectory, password, hba, flags: ["--no-sync"] });
  const log = join(folder, "postgres.log");
  return startPostmaster(programs, { dataDirectory, port: await freePort(), settings, log });
}

async function temporaryFolder({ identity }: Programs): Promise<string> {
  const folder = (await canEnter(tmpdir(), identity)) ? tmpdir() : "/tmp";
  await mkdir(folder, { recursive: true });
  return folder;
}

/** A run that was killed could not stop its PostgreSQL: the next one does. */
async function removeLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const folder = join(parent, name);
    const owner = Number(await readFile(join(folder, "run.pid"), "utf8").catch(() => ""));
    if (!name.startsWith(folderPrefix) || owner === 0 || sendSignal(owner, 0)) {
      continue;
    }
    await endLeftover(join(folder, "data"));
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}
