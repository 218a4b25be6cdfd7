import { readFile, stat } from "node:fs/promises";
import { normalizeEmailAddress } from "@anteroom/shared/wire/email-address";

export interface EmailBlocklist {
  /** Reads the list now; throws when the file cannot be read. */
  load(): Promise<void>;
  has(emailAddress: string): Promise<boolean>;
}

/**
 * Addresses nobody may sign up with: a file with an address or an `@domain` a line. It is read again whenever it has
 * changed, so that an operator need not restart anything. A missing file is an error, not an empty list.
 */
export function createEmailBlocklist(file: string | undefined): EmailBlocklist {
  if (file === undefined) return { load: async () => undefined, has: async () => false };
  let readAt = "";
  let entries = new Set<string>();

  async function load(path: string): Promise<void> {
    const { mtimeNs, size } = await stat(path, { bigint: true });
    const version = `${mtimeNs} ${size}`;
    if (version === readAt) return;
    entries = parse(await readFile(path, "utf8"));
    readAt = version;
  }

  return {
    load: () => load(file),
    has: async (emailAddress) => {
      await load(file);
      const address = normalizeEmailAddress(emailAddress);
      return entries.has(address) || entries.has(address.slice(address.indexOf("@")));
    },
  };
}

function parse(text: string): Set<string> {
  const lines = text.split("\n").map(normalizeEmailAddress);
  return new Set(lines.filter((line) => line !== "" && !line.startsWith("#")));
}
