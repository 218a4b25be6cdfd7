import { createHash, randomBytes } from "node:crypto";
import { type Kysely, sql } from "kysely";
import { deriveKey, openSealed, seal } from "./crypto.ts";
import type { Secrets } from "./settings.ts";

/**
 * The secret that a server's keys are derived from. It lies in the server's database, sealed with each of the operator's, so
 * that these may change without spoiling what the keys have sealed, hashed or signed (docs/decisions/017).
 */
export interface KeptSecret {
  secret: Buffer;
  /** `former`: sealed with none of the operator's secrets, the newest of which stands in for it. */
  status: "kept" | "former";
  /** Whether what is derived from it was derived from another before. */
  isAnother: boolean;
}

/** @param hasData whether the database was in use before secrets were kept: then keys came from the operator's itself */
export async function openKeptSecret<T>(
  db: Kysely<T>,
  secrets: Secrets,
  hasData: () => Promise<boolean>,
): Promise<KeptSecret> {
  const { sealed } = (await read(db)) ?? (await make(db, secrets, hasData));
  const opened = openAny(secrets, sealed);
  const secret = opened ?? secrets[0];
  if (opened && isOutdated(sealed, secrets)) await reseal(db, secrets, secret);
  return { secret, status: opened ? "kept" : "former", isAnother: await isAnother(db, secret) };
}

interface Row {
  /** One for each of the operator's secrets, the newest first. */
  sealed: Uint8Array[];
}

async function read<T>(db: Kysely<T>): Promise<Row | undefined> {
  const { rows } = await sql<Row>`select sealed from kept_secret`.execute(db);
  return rows[0];
}

/** A process that starts again before it has heard of the newest secret finds its own further back, and changes nothing. */
function isOutdated(sealed: Uint8Array[], secrets: Secrets): boolean {
  const place = sealed.findIndex((one) => openWith(secrets[0], one) !== undefined);
  return place < 0 || (place === 0 && sealed.length !== secrets.length);
}

/** Of several that start at once, one makes it. */
async function make<T>(db: Kysely<T>, secrets: Secrets, hasData: () => Promise<boolean>): Promise<Row> {
  const secret = (await hasData()) ? (secrets.at(-1) as Buffer) : randomBytes(32);
  await sql`insert into kept_secret (sealed, used) values (${sealWithAll(secrets, secret)}, ${fingerprint(secret)})
    on conflict do nothing`.execute(db);
  return (await read(db)) as Row;
}

async function reseal<T>(db: Kysely<T>, secrets: Secrets, secret: Buffer): Promise<void> {
  await sql`update kept_secret set sealed = ${sealWithAll(secrets, secret)}`.execute(db);
}

/** Notes which secret is used, and tells whether it was another until now. */
async function isAnother<T>(db: Kysely<T>, secret: Buffer): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update kept_secret set used = ${fingerprint(secret)} where used <> ${fingerprint(secret)}`.execute(db);
  return numAffectedRows === 1n;
}

const place = "kept secret";

function sealWithAll(secrets: Secrets, secret: Buffer) {
  const text = secret.toString("base64");
  return sql`array[${sql.join(secrets.map((operators) => seal(deriveKey(operators, place), text, place)))}]::bytea[]`;
}

/** What is kept, opened with the operator's secrets; undefined where none of them fits. */
export function openAny(secrets: Secrets, sealed: Uint8Array[]): Buffer | undefined {
  for (const operators of secrets)
    for (const one of sealed) {
      const secret = openWith(operators, one);
      if (secret) return secret;
    }
  return undefined;
}

function openWith(operators: Buffer, sealed: Uint8Array): Buffer | undefined {
  const text = openSealed(deriveKey(operators, place), sealed, place);
  return text === undefined ? undefined : Buffer.from(text, "base64");
}

function fingerprint(secret: Buffer): Buffer {
  return createHash("sha256").update(deriveKey(secret, "fingerprint")).digest();
}

/** Called by a migration of each server. */
export async function createKeptSecretTable<T>(db: Kysely<T>): Promise<void> {
  await sql`create table kept_secret (
    only_one boolean primary key default true check (only_one),
    sealed bytea[] not null,
    used bytea not null
  )`.execute(db);
}
