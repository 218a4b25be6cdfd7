import { createTransport, type NodemailerError } from "nodemailer";
import type { Settings } from "../settings.ts";
import type { ComposedMail } from "./compose.ts";
import { createFileDelivery } from "./mail-files.ts";
import { messageOf } from "./message.ts";
import { createReturnPaths } from "./return-path.ts";
import type { SmtpSettings } from "./settings.ts";
import { connectionOf, problemOf } from "./smtp.ts";
import { createLastSteps, createTurns, holdEnd, type LastStep, type Turn } from "./turns.ts";
import type { DeliveryOutcome, DueMail } from "./types.ts";

/** Takes composed mails to where mails go. Whatever a relay does is an outcome; only bugs and broken disks throw. */
export interface Delivery {
  /** `settled` says that the outcome has been stored; until then, and for a moment, no other mail is handed over. */
  deliver(mail: ComposedMail, due: DueMail, settled?: Promise<unknown>): Promise<DeliveryOutcome>;
  close(): Promise<void>;
}

export function createDelivery(settings: Settings): Delivery {
  return settings.smtp ? createSmtpDelivery(settings, settings.smtp) : createFileDelivery(settings);
}

/** Mails on the wire at once, and with those that the relay keeps waiting: a connection each. */
const mailsAtOnce = 8;
const connections = 20;

/** Milliseconds one mail may take on the wire, however slowly the relay trickles: less than a worker's job may last. */
const longest = 100_000;

function createSmtpDelivery(settings: Settings, smtp: SmtpSettings): Delivery {
  const transport = createTransport({
    ...connectionOf(settings, smtp),
    pool: true,
    maxConnections: connections,
    maxMessages: Number.POSITIVE_INFINITY,
    // Only for connections that the relay has closed while they were idle; anything else is for the schedule to repeat.
    maxRequeues: 1,
  });
  transport.use("stream", (mail, done) => {
    const { message, data } = mail;
    const createReadStream = message.createReadStream.bind(message);
    message.createReadStream = () => holdEnd(createReadStream(), (data as { lastStep: LastStep }).lastStep);
    done();
  });
  const envelopeOf = createEnvelopes(settings, smtp);
  const takeTurn = createTurns(mailsAtOnce);
  const lastStepOf = createLastSteps();

  async function send(mail: ComposedMail, due: DueMail, settled: Promise<unknown>): Promise<Turn> {
    const message = {
      ...messageOf(settings, mail, due),
      envelope: envelopeOf(mail.to, due.id),
      signal: AbortSignal.timeout(Math.min(3 * smtp.timeout, longest)),
      lastStep: lastStepOf(settled),
    };
    try {
      const { response } = await transport.sendMail(message);
      return { outcome: { status: "accepted", reply: oneLine(response, mail, smtp) } };
    } catch (error) {
      if (!isFromRelay(error)) throw error;
      const problem = problemOf(error, smtp);
      const reason = oneLine(problem.reason, mail, smtp);
      if (problem.isFinal) return { outcome: { status: "failed", reason } };
      if (problem.concerns === "mail") return { outcome: { status: "deferred", reason } };
      const outcome = { status: "deferred", reason, concerns: "relay" } as const;
      return { outcome, forAll: outcome };
    }
  }

  return {
    deliver: async (mail, due, settled) => {
      const ended = Promise.withResolvers<void>();
      return takeTurn(() => send(mail, due, settled ?? ended.promise)).finally(ended.resolve);
    },
    close: async () => transport.close(),
  };
}

/** The sender on the envelope is where a mail comes back to: for each mail another address, where that is listened to. */
export function createEnvelopes(settings: Settings, smtp: SmtpSettings) {
  const returnPaths = createReturnPaths(settings);
  const common = smtp.returnPath ?? smtp.senderEmail;
  return (to: string, mailId: string) => ({
    from: { name: "", address: returnPaths.of(mailId) ?? common },
    to: { name: "", address: to },
  });
}

/** nodemailer marks what happened on the wire with codes of its own; everything else is a bug. */
function isFromRelay(error: unknown): error is NodemailerError {
  return (
    error instanceof Error &&
    /^E(CONNECTION|TIMEDOUT|SOCKET|DNS|TLS|PROTOCOL|ENVELOPE|MESSAGE|ABORT|AUTH|NOAUTH)$/.test(
      (error as NodemailerError).code ?? "",
    )
  );
}

/** A relay's answer as one line that may be stored and shown: without the mail's code and without our password. */
function oneLine(text: string, mail: ComposedMail, smtp: SmtpSettings): string {
  let clean = text;
  for (const secret of [mail.link, mail.code, smtp.auth?.password]) if (secret) clean = clean.replaceAll(secret, "…");
  return clean
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, " ")
    .trim()
    .slice(0, 300);
}
