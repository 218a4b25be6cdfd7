import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { refusal } from "../refusal.ts";
import { writeWhole } from "./files.ts";

/** What `npm start` makes once and keeps in `secrets.json`: settings of the servers (base64) and database passwords. */
export type Secrets = Record<(typeof names)[number], string>;

const names = [
  "AUTH_SECRET",
  "BACKEND_SECRET",
  "INTERNAL_SECRET",
  "POSTGRES_PASSWORD",
  "AUTH_DATABASE_PASSWORD",
  "BACKEND_DATABASE_PASSWORD",
] as const;

/** Reads the secrets, making those that are missing. What is there is never made anew: data is sealed with it. */
export async function keepSecrets(dataDirectory: string): Promise<Secrets> {
  const path = join(dataDirectory, "secrets.json");
  const found = await readSecrets(path);
  const missing = names.filter((name) => found[name] === undefined);
  const secrets = { ...found, ...Object.fromEntries(missing.map((name) => [name, makeSecret(name)])) } as Secrets;
  if (missing.length > 0) {
    await writeWhole(path, `${JSON.stringify(secrets, null, 2)}\n`);
  }
  return secrets;
}

/** Passwords stand in URLs, so they are of letters that need no escaping there. */
function makeSecret(name: string): string {
  return randomBytes(32).toString(name.endsWith("PASSWORD") ? "base64url" : "base64");
}

async function readSecrets(path: string): Promise<Partial<Secrets>> {
  const text = await readFile(path, "utf8").catch((error) => {
    if (error.code === "ENOENT") {
      return "{}";
    }
    throw refusal(`${path} cannot be read: ${error.message}.`, error);
  });
  try {
    return Object.fromEntries(Object.entries(JSON.parse(text)).filter(([, value]) => typeof value === "string"));
  } catch (cause) {
    throw refusal(`${path} is not JSON: restore it from a backup; without it the stored data cannot be read.`, cause);
  }
}
