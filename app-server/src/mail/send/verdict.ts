/**
 * What a refusal says about the address it was given for, from the enhanced status (RFC 3463) or, where there is none or
 * it says nothing, from the words. Only a dead address is final and counts against it; everything else is about us, the
 * relay, its policy, fullness or time, and passes.
 */

/** Subject and detail of class 5 that say that nobody will ever read mails sent there. */
const deadAddress = new Map([
  ["1.1", "no such mailbox"],
  ["1.2", "no such domain"],
  ["1.3", "not the form of an address"],
  ["1.6", "moved away, and nobody knows where to"],
  ["1.10", "the domain takes no mail (RFC 7505)"],
  ["2.1", "the mailbox has been switched off"],
]);

/** They stand for "something else": 0.0 of servers that say no more, 1.0, 2.0, and Outlook's 5.0 for all there is. */
const saysNothing = new Set(["0.0", "1.0", "2.0", "5.0"]);

const thing = "(?:user|recipient|mailbox|address|account|alias|person|customer)";
const deadWords = new RegExp(
  [
    `no such (?:local |e-?mail )?${thing}`,
    `no (?:mailbox|account|user|person)s? (?:here )?(?:by|with|of) that name`,
    `unknown (?:or illegal )?(?:virtual |local |e-?mail )?(?:${thing}|alias|local.?part)`,
    `(?:invalid|bad) (?:destination )?(?:${thing})\\b`,
    `${thing}\\b.{0,80}\\b(?:is unknown|unknown|not found|not known|(?:does|do) ?n[o']t exist|doesn't exist|is not valid|is no longer|no longer (?:valid|active|exists|available))`,
    `${thing} (?:has been |is |is currently |was )?(?:disabled|inactive|deactivated|discontinued|deleted|closed)`,
    `not (?:a valid|an existing) ${thing}`,
    "not our customer",
  ].join("|"),
  "i",
);

/** Words of other reasons, which servers give under the numbers of dead addresses too. */
const otherReason =
  /\b(rate|quota|full|relay\w*|helo|ehlo|sender|spam|spf|dkim|dmarc|polic(?:y|ies)|block(?:ed|list)|blacklist\w*|banned|reputation|authenti\w*|temporar\w*|try again|greylist\w*|too (?:many|much|fast|quickly)|\w*denied|refused|permitted|allowed|prohibited|not accepted|limit\w*|message|content|virus|listed|rbl|dns|ptr|reverse|suspicious|unauthori[sz]ed|verif\w*)\b/i;

/**
 * @param text the whole answer or diagnosis: `550 5.1.1 <ada@people.example>: no such user`
 * @param isAnswerToAddress it was given for the address itself: then 550, 551 and 553 without a status or another reason
 *   mean the mailbox, in whatever language (RFC 5321, 4.2.3)
 */
export function isDeadAddress(text: string, isAnswerToAddress = false): boolean {
  const words = withoutAddresses(text);
  const reply = /(?:^|[^\d.])([2-5])\d\d(?=[ -])/.exec(words)?.[1];
  const [, level, detail] = /(?<![\d.])([245])\.(\d{1,3}\.\d{1,3})(?![\d]|\.\d)/.exec(words) ?? [];
  if ((level ?? reply) !== "5" || otherReason.test(words)) return false;
  if (detail === undefined && isAnswerToAddress && /^55[013]\b/.test(words)) return true;
  if (detail === undefined || saysNothing.has(detail)) return deadWords.test(words);
  return deadAddress.has(detail);
}

/** Addresses and names of machines may hold any word. */
export function withoutAddresses(text: string): string {
  return text.replace(/<[^<>]*>|[^\s<>"']+@[^\s<>"']+/g, "<>");
}
