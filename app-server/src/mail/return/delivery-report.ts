import type { InboundKind } from "@anteroom/shared/wire/app/mail";
import { oneLine } from "@anteroom/shared/wire/text";
import PostalMime, { type Attachment, type Email } from "postal-mime";
import { isDeadAddress } from "../send/verdict.ts";

/** What arrived at a return path. */
export interface InboundReport {
  kind: InboundKind;
  /** What the other server says, in one line. */
  reason: string | undefined;
  /** It says that nobody will ever read mails to this address. */
  isDead: boolean;
  /** How it begins, for people. */
  excerpt: string;
}

/**
 * Reads what another server, or a person, sends to a return path: a delivery status (RFC 3464, and RFC 6533 for addresses
 * beyond ASCII) wherever it stands, a complaint (RFC 5965), or a report in words, of servers that write no status.
 */
export async function readReport(message: Uint8Array): Promise<InboundReport> {
  const mail = await PostalMime.parse(message, { forceRfc822Attachments: true }).catch(() => undefined);
  const text = mail ? textOf(mail) : new TextDecoder().decode(message.subarray(0, 10_000));
  const found = mail && (readComplaint(mail) ?? readStatus(mail, text) ?? readWords(mail, text));
  return { kind: "other", reason: undefined, isDead: false, ...found, excerpt: excerptOf(text) };
}

type Finding = Omit<InboundReport, "excerpt">;

function readComplaint(mail: Email): Finding | undefined {
  const part = partOf(mail, /^message\/feedback-report$/i);
  if (part === undefined) return undefined;
  const fields = readFields(part);
  const kind = fields.get("feedback-type") ?? "unknown";
  // RFC 5965 also carries reports of mails that are wanted, and of those that failed some check.
  const reason = [`Feedback: ${kind}`, fields.get("user-agent")].filter(Boolean).join(", by ");
  return { kind: /^not-spam$/i.test(kind) ? "other" : "complaint", reason, isDead: false };
}

/** The strongest that is said of any recipient: each of our mails has one, but lists and forwards make more of it. */
function readStatus(mail: Email, text: string): Finding | undefined {
  const status = partOf(mail, /^message\/(global-|x-)?delivery-status$/i);
  if (status === undefined) return undefined;
  // The first group of fields is about the whole message (RFC 3464, 2.1), unless the line between is forgotten.
  const findings = status.split(/\n(?:[ \t]*\n)+/).flatMap((group) => readRecipient(readFields(group)));
  const found = (["bounce", "delay", "success"] as const).map((kind) => findings.find((one) => one.kind === kind));
  const told = found.find((one) => one !== undefined) ?? { kind: "other", reason: undefined, isDead: false };
  if (told.kind !== "bounce" || told.isDead) return told;
  const words = sayingOf(text);
  return told.reason === undefined && words ? { ...told, ...words } : told;
}

function readRecipient(fields: Map<string, string>): Finding[] {
  const action = fields.get("action");
  const status = /\b([245])\.\d{1,3}\.\d{1,3}\b/.exec(fields.get("status") ?? "");
  const diagnosis = fields.get("diagnostic-code")?.replace(/^[\w-]+[ \t]*;[ \t]*/, "");
  if (action === undefined && !fields.has("final-recipient")) return [];
  const kind = kindOf(action ?? "", status?.[1] ?? /^([245])\d\d\b/.exec(diagnosis ?? "")?.[1]);
  if (kind === undefined) return [];
  // `550 5.1.1 unknown user` says more than the status alone.
  const reason = diagnosis || (status ? `Status ${status[0]}` : undefined);
  return [{ kind, reason, isDead: kind === "bounce" && isDead(status?.[0], diagnosis ?? "") }];
}

/** The number of the field and that in the words may differ: servers on the way put their own before what they were told. */
function isDead(status: string | undefined, diagnosis: string): boolean {
  if (/(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?!\d)/.test(diagnosis) && !/^5\.0\.0$/.test(diagnosis))
    return !status?.startsWith("4") && isDeadAddress(diagnosis);
  return isDeadAddress(`${status ?? ""} ${diagnosis}`);
}

/** Servers write other words than the five of RFC 3464; then the class of the status tells. */
function kindOf(action: string, statusClass: string | undefined): "bounce" | "delay" | "success" | undefined {
  if (/^(fail|undeliver|bounce|reject|error|expired)/.test(action)) return "bounce";
  if (/^(delay|defer|transient|warn|queued|retry)/.test(action)) return "delay";
  if (/^(deliver|relay|expand|success)/.test(action)) return "success";
  return ({ "5": "bounce", "4": "delay", "2": "success" } as const)[statusClass ?? ""];
}

const daemons =
  /mailer-daemon|postmaster|mail ?delivery|mail (?:system|administrator)|microsoftexchange|no-?reply@.*bounce|mdaemon/i;
const subjects =
  /undeliver|delivery (?:status|failure|report|has failed|notification|incomplete|problem)|(?:mail|message|delivery|e-?mail).{0,30}(?:fail|return|reject|delay|problem)|failure (?:notice|delivery)|returned (?:mail|to sender)|non.?delivery|unzustellbar|could not (?:be )?(?:send|sent|deliver)|user unknown|warning: /i;
const beginnings =
  /this is the qmail-send program|created automatically by (?:the )?mail delivery (?:software|system|subsystem)|wasn't able to deliver your message|delivery (?:to the following|has failed)|did not reach the following|permanent fatal errors/i;
const delays =
  /delayed|(?:will|we'll) (?:keep|continue|be) (?:trying|to try|retried|retry)|not (?:yet )?been delivered|temporary|no action is required|still trying|do not need to resend/i;
/** Where the words end and the mail that they are about begins. */
const copies =
  /^.{0,10}(?:-{3,}.*(?:below this line|copy of|original message|returned message|unsent message|message header|headers? follow|forwarded).*|(?:return-path|received|dkim-signature|x-[\w-]+|message-id|mime-version):\s.*)$/im;

/** A report in words of somebody's server. A person's answer quotes it, and says nothing itself. */
function readWords(mail: Email, text: string): Finding | undefined {
  const sender = `${mail.from?.name ?? ""} ${mail.from?.address ?? ""}`;
  const isCertain = beginnings.test(text) || mail.headers.some(({ key }) => key === "x-failed-recipients");
  const isReport = isCertain || (daemons.test(sender) && subjects.test(mail.subject ?? ""));
  if (!isReport || /^\s*(?:re|aw|antw|fwd?):/i.test(mail.subject ?? "")) return undefined;
  const said = sayingOf(text);
  if (!said && !isCertain) return undefined;
  const kind = isDelay(`${mail.subject ?? ""}\n${text}`, said?.statusClass) ? "delay" : "bounce";
  return { kind, reason: said?.reason, isDead: kind === "bounce" && said?.isDead === true };
}

function isDelay(words: string, statusClass: string | undefined): boolean {
  return statusClass !== "5" && delays.test(words) && !/gave up|giving up|permanent|too long|expired/i.test(words);
}

/** What the server on the other side answered, as far as it is in these words: the line, with its continuation. */
function sayingOf(text: string): { reason: string; isDead: boolean; statusClass: string | undefined } | undefined {
  const lines = text.split("\n").map((line) => line.trim());
  const candidates = [
    /(?:^|[\s:('"])([45])\d\d[ -](?:[45]\.\d{1,3}\.\d{1,3}\b|.*\S)/,
    /(?<![\d.])([45])\.\d{1,3}\.\d{1,3}(?!\.?\d)/,
  ];
  for (const candidate of candidates)
    for (const [index, line] of lines.entries()) {
      const match = candidate.exec(line);
      // Dates and the like look like replies.
      if (!match || /^(?:date|sent|received|status|x-)/i.test(line)) continue;
      const reason = oneLine([line.slice(match.index), lines[index + 1] ?? ""].join(" "));
      return { reason, isDead: isDeadAddress(reason), statusClass: match[1] };
    }
  const words = lines.find((line) => isDeadAddress(`550 ${line}`));
  return words === undefined ? undefined : { reason: oneLine(words), isDead: true, statusClass: "5" };
}

/** Only what stands before a copy of our own mail. */
function textOf(mail: Email): string {
  const html = mail.html?.replace(/<style[\s\S]*?<\/style>/gi, "").replace(/<[^>]{0,500}>/g, " ");
  const text = (mail.text || html || "").slice(0, 50_000).replaceAll("\r\n", "\n");
  const [before = ""] = text.split(copies, 1);
  return before;
}

/** Without what leads into an account, should a copy stand in it after all. */
function excerptOf(text: string): string {
  const clean = text
    .replace(/https?:\S+/g, "…")
    .replace(/\b(?=[a-z]*[A-Z0-9])[A-Za-z0-9_-]{8,}\b(?![@.])/g, (word) =>
      /\d/.test(word) || word === word.toUpperCase() ? "…" : word,
    );
  return oneLine(clean);
}

function partOf({ attachments }: Email, type: RegExp): string | undefined {
  const part = attachments.find(({ mimeType }) => type.test(mimeType));
  return part && toText(part).replaceAll("\r\n", "\n").trim();
}

function toText({ content }: Attachment): string {
  return typeof content === "string" ? content : new TextDecoder().decode(content);
}

/** Names in lower case; of a field that is given twice the first counts. */
function readFields(group: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of group.replace(/\n[ \t]+/g, " ").split("\n")) {
    const [, name, value] = /^([!-9;-~]{1,100}):[ \t]*(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined || fields.has(name.toLowerCase())) continue;
    const key = name.toLowerCase();
    // Actions are compared, without the comments that RFC 3464 allows behind them.
    fields.set(key, key === "action" ? value.replace(/\(.*$/, "").trim().toLowerCase() : value.trim());
  }
  return fields;
}
