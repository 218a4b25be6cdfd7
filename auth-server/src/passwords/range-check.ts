import { createHash } from "node:crypto";

/** Milliseconds. */
const timeout = 2_000;

export interface PasswordRangeCheck {
  /** Whether the password was in a known breach. Throws when the service does not say. */
  isBreached(password: string): Promise<boolean>;
}

/**
 * Asks a service with the k-anonymity interface of Have I Been Pwned: it is told the first five digits of the password's
 * SHA-1 and answers with all known endings, one `SUFFIX:COUNT` a line.
 *
 * @param url the five digits are appended to it, such as `https://api.pwnedpasswords.com/range/`
 */
export function createPasswordRangeCheck(url: string): PasswordRangeCheck {
  return {
    isBreached: async (password) => {
      const digest = createHash("sha1").update(password).digest("hex").toUpperCase();
      const response = await fetch(url + digest.slice(0, 5), {
        headers: { "add-padding": "true" },
        signal: AbortSignal.timeout(timeout),
      });
      const text = await response.text();
      if (response.status !== 200) throw new Error(`The range check was answered with status ${response.status}.`);
      return text.split(/\r?\n/).some((line) => isEntry(line, digest.slice(5)));
    },
  };
}

/** Padding entries have a count of 0. */
function isEntry(line: string, suffix: string): boolean {
  const [found, count] = line.split(":");
  return found?.toUpperCase() === suffix && Number(count) > 0;
}
