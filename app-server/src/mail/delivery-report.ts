import PostalMime, { type Attachment } from "postal-mime";

/** What another server reports of one mail of ours. */
export interface DeliveryReport {
  action: "failed" | "delayed";
  diagnosis: string;
}

/**
 * Reads a delivery status notification (RFC 3464, and RFC 6533 for addresses beyond ASCII). Undefined for everything
 * else that may arrive at a return path: replies of people and machines, reports of success, what cannot be read.
 */
export async function readDeliveryReport(message: Uint8Array): Promise<DeliveryReport | undefined> {
  const status = await findStatus(message);
  // The first group of fields is about the whole message, each further one about a recipient (RFC 3464, 2.1).
  const [, ...recipients] = status?.split(/\n[ \t]*\n/).map(readFields) ?? [];
  const failed = recipients.find((fields) => fields.get("action") === "failed");
  const told = failed ?? recipients.find((fields) => fields.get("action") === "delayed");
  if (!told) return undefined;
  return { action: failed ? "failed" : "delayed", diagnosis: diagnosisOf(told) };
}

async function findStatus(message: Uint8Array): Promise<string | undefined> {
  try {
    const { headers, attachments } = await PostalMime.parse(message, { forceRfc822Attachments: true });
    const kind = headers.find(({ key }) => key === "content-type")?.value ?? "";
    if (!/^\s*multipart\/report\b/i.test(kind)) return undefined;
    const part = attachments.find(({ mimeType }) => /^message\/(global-)?delivery-status$/i.test(mimeType));
    return part && toText(part).replaceAll("\r\n", "\n").trim();
  } catch {
    return undefined;
  }
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

/** `smtp; 550 5.1.1 unknown user` says more than the status alone, which is always there. */
function diagnosisOf(fields: Map<string, string>): string {
  const said = fields.get("diagnostic-code")?.replace(/^[\w-]+[ \t]*;[ \t]*/, "");
  const status = fields.get("status")?.replace(/\(.*$/, "").trim();
  return said || (status ? `Status ${status}` : "No reason was given.");
}
