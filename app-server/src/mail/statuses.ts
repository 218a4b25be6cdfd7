export const mailStatuses = ["queued", "accepted", "deferred", "failed", "bounced"] as const;

/**
 * `queued`: waits for its first try. `accepted`: the relay took it. `deferred`: will be tried again. `failed`: given up.
 * `bounced`: the relay took it and it came back.
 */
export type MailStatus = (typeof mailStatuses)[number];

export const inboundKinds = ["bounce", "delay", "success", "complaint", "other"] as const;

/** What arrived at a return path: a report that a mail came back, waits or was delivered (RFC 3464, or in words), somebody's
 * complaint about it (RFC 5965), or something else. */
export type InboundKind = (typeof inboundKinds)[number];

export const inboundOutcomes = ["bounced", "delayed", "noted", "known", "unknown_mail"] as const;

/**
 * What it changed: `bounced` and `delayed` the mail's state; `noted`: nothing; `known`: the mail had been given up or had
 * come back before; `unknown_mail`: it is not kept any more.
 */
export type InboundOutcome = (typeof inboundOutcomes)[number];
