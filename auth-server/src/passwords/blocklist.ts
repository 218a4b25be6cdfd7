import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { isObviousPassword } from "./obvious-passwords.ts";

export interface PasswordBlocklist {
  /** Reads the list now; throws when the file cannot be read. */
  load(): Promise<void>;
  /** Whether the password is listed exactly like this, in whatever form of Unicode. */
  has(password: string): Promise<boolean>;
  /** Whether it is a listed one in disguise, be it with capitals. An operator's own list is taken word for word. */
  isObvious(password: string): Promise<boolean>;
}

/**
 * Passwords that everybody tries first. Out of `file`, one a line, or the list that comes with zxcvbn. Read when first
 * needed; until then a server that sets no passwords pays nothing for it.
 */
export function createPasswordBlocklist(file: string | undefined, minLength: number): PasswordBlocklist {
  let list: Promise<ReadonlySet<string>> | undefined;
  const get = () => {
    list ??= file === undefined ? readBuiltIn() : readList(file, minLength);
    return list;
  };
  return {
    load: async () => void (await get()),
    has: async (password) => (await get()).has(password),
    isObvious: async (password) => file === undefined && isObviousPassword(password, await get()),
  };
}

async function readList(file: string, minLength: number): Promise<ReadonlySet<string>> {
  const passwords = (await readFile(file, "utf8")).split(/\r?\n/).filter((password) => password.length >= minLength);
  return new Set(passwords.flatMap((password) => [password, password.normalize("NFC")]));
}

/** Some 49,000, short ones too: they are what longer ones are made of. */
async function readBuiltIn(): Promise<ReadonlySet<string>> {
  const url = import.meta.resolve("@zxcvbn-ts/language-common/src/passwords.json");
  return new Set(JSON.parse(await readFile(fileURLToPath(url), "utf8")) as string[]);
}
