import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import { withoutAddresses } from "./verdict.ts";

/** So many addresses refused alike, one after the other, are not dead: the relay is wrong about all of them. */
const tooManyAlike = 5;

/** Seconds in which they count together. */
const shortTime = 600;

/** Seconds after which the operator is told the same once more. */
const remindAfter = 86_400;

export type Refusals = ReturnType<typeof createRefusals>;

/** What the relay has refused lately, in this process. */
export function createRefusals() {
  let since = 0;
  let words = "";
  /** The mail that was refused last, by address. */
  let alike = new Map<string, string>();
  const told = new Map<string, number>();
  return {
    /** The ids of the mails whose addresses cannot all be dead; none while there are few. */
    add: ({ id, email, reason }: { id: string; email: EmailAddress; reason: string }, now: number): string[] => {
      const said = withoutAddresses(reason).toLowerCase();
      if (said !== words || now - since > shortTime) alike = new Map();
      if (alike.size === 0) since = now;
      words = said;
      alike.set(email, id);
      return alike.size >= tooManyAlike ? [...alike.values()] : [];
    },
    /** The relay takes mails: it knows what it says of others. */
    accepted: () => alike.clear(),
    /** Whether it is time to tell this. */
    isNews: (advice: string, now: number): boolean => {
      if (now - (told.get(advice) ?? Number.NEGATIVE_INFINITY) < remindAfter) return false;
      told.set(advice, now);
      return true;
    },
  };
}
