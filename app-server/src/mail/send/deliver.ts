import { oneLine } from "@anteroom/shared/wire/text";
import { createTransport, type NodemailerError, type SendMailOptions, type SMTPPoolSentMessageInfo } from "nodemailer";
import type { Settings } from "../../settings.ts";
import type { ComposedMail } from "../compose/compose.ts";
import { messageOf } from "../compose/message.ts";
import { createFileDelivery } from "../dev/mail-files.ts";
import type { DeliveryOutcome, DueMail } from "../request.ts";
import { createReturnPaths } from "../return/return-path.ts";
import type { SmtpSettings } from "../settings.ts";
import { connectionOf, problemOf } from "./smtp.ts";
import { createLastSteps, createTurns, holdEnd, type LastStep, type Turn } from "./turns.ts";

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

/** Milliseconds one mail may take to the end of its content, however slowly the relay trickles. */
const longest = 100_000;

/** How often a mail goes on to another session at once when the relay has ended the one it was given. */
const sessions = 8;

/** Connections to the relay, on which a mail's last step waits for its turn. */
function createPool(settings: Settings, smtp: SmtpSettings, endings: Endings) {
  const transport = createTransport({
    ...connectionOf(settings, smtp),
    logger: endings.logger,
    pool: true,
    maxConnections: connections,
    maxMessages: Number.POSITIVE_INFINITY,
    // Only for connections that the relay has closed while they were idle; anything else is for the schedule to repeat.
    maxRequeues: 1,
  });
  transport.use("stream", (mail, done) => {
    const { message, data } = mail;
    const createReadStream = message.createReadStream.bind(message);
    message.createReadStream = () => {
      const { lastStep, limits } = data as unknown as Passage;
      return holdEnd(createReadStream(), limits.begin, () => lastStep().then(limits.waitForAnswer));
    };
    done();
  });
  return transport;
}

function createSmtpDelivery(settings: Settings, smtp: SmtpSettings): Delivery {
  const endings = createEndings();
  const transport = createPool(settings, smtp, endings);
  const envelopeOf = createEnvelopes(settings, smtp);
  const takeTurn = createTurns(mailsAtOnce);
  const lastStepOf = createLastSteps();
  let lastAccepted = 0;

  async function send(mail: ComposedMail, due: DueMail, settled: Promise<unknown>): Promise<Turn> {
    const limits = createLimits(settings, smtp);
    const lastStep = lastStepOf(settled);
    const message = () => ({
      ...messageOf(settings, mail, due),
      envelope: envelopeOf(mail.to, due.id),
      signal: limits.signal,
      ...({ lastStep, limits } satisfies Passage),
    });
    try {
      const { response } = await sendInSomeSession(due.id, message, limits);
      lastAccepted = Date.now();
      return { outcome: { status: "accepted", reply: sayingOf(response, mail, smtp) } };
    } catch (error) {
      if (!isFromRelay(error)) throw error;
      const problem = problemOf(error, smtp);
      const reason = sayingOf(problem.reason, mail, smtp);
      if (problem.isFinal) return { outcome: { status: "failed", reason } };
      const advice = error.responseCode === undefined ? {} : { advice: problem.remedy };
      const outcome = { status: "deferred", reason, ...advice } as const;
      if (problem.concerns === "mail") return { outcome };
      const forAll = { ...outcome, concerns: "relay" } as const;
      return { outcome: forAll, forAll };
    } finally {
      limits.end();
      endings.take(due.id);
    }
  }

  /** Relays end a session after so many mails. While it takes mails, another session is begun at once. */
  async function sendInSomeSession(
    mailId: string,
    message: () => SendMailOptions,
    limits: Limits,
  ): Promise<SMTPPoolSentMessageInfo> {
    for (let rest = sessions; ; rest--)
      try {
        return await transport.sendMail(message());
      } catch (error) {
        const isAlive = Date.now() - lastAccepted < 3 * smtp.timeout;
        const isEndingOfOurs = endings.take(mailId) || isEnding(error);
        if (rest <= 1 || limits.hasBegun() || limits.signal.aborted || !isAlive || !isEndingOfOurs) throw error;
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

/** What goes with a mail through nodemailer to its content. */
interface Passage {
  lastStep: LastStep;
  limits: Limits;
}

type Limits = ReturnType<typeof createLimits>;
type Endings = ReturnType<typeof createEndings>;

/** How long a mail may take: to the end of its content, and then for the answer to that. */
function createLimits({ finalTimeout }: Settings, smtp: SmtpSettings) {
  const controller = new AbortController();
  const stop = () => controller.abort();
  let timer = setTimeout(stop, Math.min(3 * smtp.timeout, longest));
  let hasBegun = false;
  return {
    signal: controller.signal,
    /** The relay may have some of it: it must not get a second copy from here. */
    hasBegun: () => hasBegun,
    begin: () => {
      hasBegun = true;
    },
    waitForAnswer: () => {
      clearTimeout(timer);
      timer = setTimeout(stop, finalTimeout);
    },
    end: () => clearTimeout(timer),
  };
}

function isEnding(error: unknown): boolean {
  const { responseCode, command } = error as NodemailerError;
  return responseCode === 421 && command === "MAIL FROM";
}

/** nodemailer takes up another session once by itself, and only its log tells why the one before has ended. */
function createEndings() {
  const ended = new Set<string>();
  const note = (entry: { messageId?: string }, _: string, ...values: unknown[]) => {
    const id = /^<?([0-9a-f-]{36})@/.exec(entry.messageId ?? "")?.[1];
    if (id && /^Mail command failed: 421\b/.test(String(values.at(-1)))) ended.add(id);
  };
  const ignore = () => undefined;
  return {
    /** Whether the relay has ended a session instead of taking this mail, since this was asked last. */
    take: (mailId: string) => ended.delete(mailId),
    logger: { level: ignore, trace: ignore, debug: ignore, info: note, warn: ignore, error: ignore, fatal: ignore },
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
    /^E(CONNECTION|TIMEDOUT|SOCKET|DNS|TLS|PROTOCOL|ENVELOPE|MESSAGE|ABORT|AUTH|NOAUTH|OAUTH2)$/.test(
      (error as NodemailerError).code ?? "",
    )
  );
}

/** A relay's answer as one line that may be stored and shown: without the mail's code and without our password. */
function sayingOf(text: string, mail: ComposedMail, smtp: SmtpSettings): string {
  let clean = text;
  const { auth } = smtp;
  const secrets = [mail.link, mail.code, auth?.password, auth?.oauth?.clientSecret, auth?.oauth?.refreshToken];
  for (const secret of secrets) if (secret) clean = clean.replaceAll(secret, "…");
  return oneLine(clean, 300);
}
