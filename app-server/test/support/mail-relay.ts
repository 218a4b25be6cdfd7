import { text as readText } from "node:stream/consumers";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import type { Certificate } from "./certificates.ts";
import { createSmtpProxy, type SmtpProxy } from "./smtp-proxy.ts";

/** Where in the dialogue a relay may misbehave: before it answers to this. */
export const stages = ["greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "content", "end"] as const;

export type Stage = (typeof stages)[number];

export interface Step {
  stage: Stage;
  /** As far as they are known by then. */
  sender: string;
  recipient: string;
  /** Milliseconds since 1970. */
  at: number;
}

/**
 * What the relay does instead of its duty: answers with a code of its own, cuts the connection, or says nothing any
 * more. At the end it may also take the mail and then lose the answer, keep it, or give it and cut the connection.
 */
export type Fault = { code: number; text?: string } | "drop" | "hang" | Taking;

type Taking = "lose answer" | "take and hang" | "answer and drop";

export interface RelayedMail {
  from: string;
  to: string;
  raw: string;
  /** Milliseconds since 1970. */
  at: number;
  isEncrypted: boolean;
  username: string | undefined;
  authMethod: string | undefined;
  /** What the client called itself. */
  clientName: string;
}

export interface RelayOptions {
  tls?: "none" | "starttls" | "implicit";
  certificate?: Certificate;
  /** Who may sign in. */
  account?: { username: string; password: string };
  authMethods?: string[];
  port?: number;
  host?: string;
}

export type MailRelay = Awaited<ReturnType<typeof startMailRelay>>;

/** A real SMTP server that keeps what it takes and misbehaves on demand. */
export async function startMailRelay(options: RelayOptions = {}) {
  const mails: RelayedMail[] = [];
  const steps: Step[] = [];
  const relay = {
    /** Taken, in their order. */
    mails,
    /** Whom they were for. */
    recipients: [] as string[],
    /** How far every dialogue came. */
    steps,
    port: 0,
    /** Decides at every step. Nothing: the relay does its duty. */
    script: undefined as ((step: Step) => Fault | undefined) | undefined,
    /** Milliseconds between the single bytes of every answer. */
    trickle: undefined as number | undefined,
    /** It ends a session that asks for more. */
    mailsPerSession: Number.POSITIVE_INFINITY,
    /** What the answer to a whole mail waits for. */
    waitForEnd: undefined as (() => Promise<void>) | undefined,
    /** Nothing listens any more, and every connection is cut. */
    goAway: () => proxy.close(),
    comeBack: () => proxy.listen(relay.port, options.host),
    /** Cuts every connection; new ones are welcome. */
    cut: () => proxy.cut(),
    /** Cuts those on which nothing is under way. */
    cutIdle: () => proxy.cutIdle(),
    close: () => {
      void proxy.close();
      server.close();
    },
  };

  function judge(stage: Stage, sender = "", recipient = ""): Fault | undefined {
    const step = { stage, sender, recipient, at: Date.now() };
    steps.push(step);
    return relay.script?.(step);
  }

  const server = new SMTPServer({ ...serverOptions(options), ...createHandlers(options, relay, judge, () => proxy) });
  server.on("error", () => undefined);
  const host = options.host ?? "127.0.0.1";
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.server.address();
  const proxy = createSmtpProxy({
    target: typeof address === "object" && address ? address.port : 0,
    isOpaque: options.tls === "implicit",
    judge,
    trickle: () => relay.trickle,
  });
  relay.port = await proxy.listen(options.port ?? 0, host);
  return relay;
}

function serverOptions({ tls = "none", certificate, account, authMethods }: RelayOptions): SMTPServerOptions {
  return {
    secure: tls === "implicit",
    ...(certificate ? { cert: certificate.cert, key: certificate.key } : {}),
    disabledCommands: [...(tls === "none" ? ["STARTTLS"] : []), ...(account ? [] : ["AUTH"])],
    ...(authMethods ? { authMethods } : {}),
    allowInsecureAuth: true,
    authOptional: account === undefined,
    maxAllowedUnauthenticatedCommands: false,
    disableReverseLookup: true,
    lenientAddressParsing: true,
    logger: false,
    closeTimeout: 1,
  };
}

function refusalOf({ code, text = "as the script says" }: { code: number; text?: string }): Error {
  return Object.assign(new Error(text), { responseCode: code });
}

type Judge = (stage: Stage, sender?: string, recipient?: string) => Fault | undefined;

/** What smtp-server asks while it does its duty. The proxy before it cuts connections and minds the other stages. */
function createHandlers(
  { account }: RelayOptions,
  relay: {
    mails: RelayedMail[];
    recipients: string[];
    mailsPerSession: number;
    waitForEnd: (() => Promise<void>) | undefined;
  },
  judge: Judge,
  proxy: () => SmtpProxy,
): SMTPServerOptions {
  const methods = new Map<string, string>();

  function settle(fault: Fault | undefined, port: number, done: (error?: Error | null) => void): void {
    if (fault === undefined) done();
    else if (typeof fault === "object") done(refusalOf(fault));
    else if (fault !== "hang") proxy().drop(port);
  }

  return {
    onConnect: (session, done) => settle(judge("greeting"), session.remotePort, done),
    onAuth: (auth, session, done) => {
      methods.set(session.id, auth.method);
      const isRight =
        auth.username === account?.username &&
        (auth.method === "CRAM-MD5"
          ? auth.validatePassword(account?.password ?? "")
          : (auth.password ?? auth.accessToken) === account?.password);
      settle(judge("auth"), session.remotePort, (error) => {
        if (error) return done(error);
        done(null, isRight ? { user: auth.username } : { responseCode: 535, message: "wrong name or password" });
      });
    },
    onMailFrom: ({ address }, session, done) => {
      const isOver = session.transaction > relay.mailsPerSession;
      const tooMany = { code: 421, text: "4.7.0 too many messages" };
      settle(isOver ? tooMany : judge("mail", address), session.remotePort, done);
    },
    onRcptTo: ({ address }, session, done) => {
      const sender = session.envelope.mailFrom || { address: "" };
      settle(judge("rcpt", sender.address, address), session.remotePort, done);
    },
    onData: async (stream, session, done) => {
      const from = session.envelope.mailFrom ? session.envelope.mailFrom.address : "";
      const to = session.envelope.rcptTo[0]?.address ?? "";
      const raw = await readText(stream).catch(() => undefined);
      if (raw === undefined) return;
      await relay.waitForEnd?.();
      const fault = judge("end", from, to);
      if (typeof fault === "object" || fault === "drop" || fault === "hang") {
        settle(fault, session.remotePort, done);
        return;
      }
      relay.recipients.push(to);
      relay.mails.push({
        ...{ from, to, raw, at: Date.now(), isEncrypted: session.secure, clientName: session.hostNameAppearsAs },
        ...{ username: session.user, authMethod: methods.get(session.id) },
      });
      if (fault === "lose answer") proxy().drop(session.remotePort);
      if (fault === "answer and drop") proxy().dropAfterAnswer(session.remotePort);
      if (fault !== "take and hang") done(null, `taken as ${relay.mails.length}`);
    },
  };
}
