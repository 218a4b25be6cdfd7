import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

export interface PasswordBlocklist {
  /** Reads the list now; throws when the file cannot be read. */
  load(): Promise<void>;
  has(password: string): Promise<boolean>;
}

/**
 * Passwords that everybody tries first. Out of `file`, one a line and exactly as written there, or the list that comes
 * with zxcvbn, whose entries are refused with capitals too. Read when first
 * needed; until then a server that sets no passwords pays nothing for it.
 */
export function createPasswordBlocklist(file: string | undefined, minLength: number): PasswordBlocklist {
  let list: Promise<Set<string>> | undefined;
  const get = () => {
    list ??= read(file, minLength);
    return list;
  };
  return {
    load: async () => void (await get()),
    has: async (password) => {
      const known = await get();
      return known.has(password) || (file === undefined && known.has(password.toLowerCase()));
    },
  };
}

async function read(file: string | undefined, minLength: number): Promise<Set<string>> {
  const passwords = file === undefined ? await readBuiltIn() : (await readFile(file, "utf8")).split(/\r?\n/);
  return new Set(passwords.filter((password) => password.length >= minLength));
}

async function readBuiltIn(): Promise<string[]> {
  const url = import.meta.resolve("@zxcvbn-ts/language-common/src/passwords.json");
  return JSON.parse(await readFile(fileURLToPath(url), "utf8")) as string[];
}
