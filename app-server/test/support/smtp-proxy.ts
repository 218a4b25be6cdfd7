import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Fault, Stage } from "./mail-relay.ts";

export interface SmtpProxy {
  listen(port: number, host?: string): Promise<number>;
  close(): Promise<void>;
  cut(): void;
  /** Cuts the connections on which the server owes no answer. */
  cutIdle(): void;
  /** Cuts the connection that the server sees as coming from this port. */
  drop(port: number): void;
  /** Likewise, once the server's next answer has been passed on. */
  dropAfterAnswer(port: number): void;
}

interface ProxyOptions {
  /** The port of the server behind it. */
  target: number;
  /** Encrypted from the first byte: nothing to be read. */
  isOpaque: boolean;
  judge(stage: Stage, sender?: string, recipient?: string): Fault | undefined;
  trickle(): number | undefined;
}

/** Stands before an SMTP server and misbehaves where the server itself cannot. Sees what is not encrypted. */
export function createSmtpProxy(options: ProxyOptions): SmtpProxy {
  const passages = new Map<Socket, Passage>();
  const server = createServer((client) => {
    const passage = createPassage(client, options);
    passages.set(client, passage);
    client.on("close", () => passages.delete(client));
  });
  const find = (port: number) => [...passages.values()].find((passage) => passage.port() === port);
  const cut = () => {
    for (const passage of passages.values()) passage.drop();
  };
  return {
    listen: (port, host = "127.0.0.1") =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
    cut,
    cutIdle: () => {
      for (const passage of passages.values()) if (passage.isIdle()) passage.drop();
    },
    drop: (port) => find(port)?.drop(),
    dropAfterAnswer: (port) => find(port)?.dropAfterAnswer(),
  };
}

interface Passage {
  port(): number | undefined;
  isIdle(): boolean;
  drop(): void;
  dropAfterAnswer(): void;
}

function createPassage(client: Socket, { target, isOpaque, judge, trickle }: ProxyOptions): Passage {
  const server = connect(target, "127.0.0.1");
  const state = { isOpaque, isContent: false, isLast: false, isDead: false, owed: 1, sender: "", recipient: "" };
  const say = createVoice(client, trickle);
  for (const socket of [client, server]) {
    socket.setNoDelay();
    socket.on("error", () => undefined);
  }
  client.on("close", () => server.destroy());
  server.on("close", () => say(undefined));

  const drop = () => {
    client.destroy();
    server.destroy();
  };

  function act(fault: Fault): void {
    if (fault === "hang") state.isDead = true;
    else if (typeof fault === "string") drop();
    else say(Buffer.from(`${fault.code} ${fault.text ?? "as the script says"}\r\n`));
  }

  /** One command, passed on unless the script has something else for it. */
  function command(line: Buffer): void {
    const text = line.toString("latin1");
    state.sender = /^MAIL FROM:<(.*?)>/i.exec(text)?.[1] ?? state.sender;
    state.recipient = /^RCPT TO:<(.*?)>/i.exec(text)?.[1] ?? state.recipient;
    const stage = stageOf(text);
    const fault = stage && judge(stage, state.sender, state.recipient);
    if (fault) {
      answerInTurn(() => act(fault));
      return;
    }
    state.owed++;
    if (stage === "starttls") state.isOpaque = true;
    server.write(line);
  }

  let whenQuiet: (() => void) | undefined;
  /** With pipelining, earlier commands are answered first. */
  function answerInTurn(answer: () => void): void {
    if (state.owed <= 0) answer();
    else whenQuiet = answer;
  }

  const readCommands = createLines(command);
  client.on("data", (chunk) => {
    if (state.isDead) return;
    if (state.isOpaque) return void server.write(chunk);
    if (!state.isContent) return readCommands(chunk);
    const fault = judge("content", state.sender, state.recipient);
    if (fault) act(fault);
    else server.write(chunk);
  });

  const readAnswers = createLines((line) => {
    const text = line.toString("latin1");
    if (!/^\d{3}(?!-)/.test(text)) return;
    state.isContent = text.startsWith("354");
    // After this one the end of the mail is to be answered too.
    if (!state.isContent) state.owed--;
  });
  server.on("data", (chunk) => {
    if (!state.isOpaque) readAnswers(chunk);
    say(chunk);
    if (state.isLast) say(undefined);
    if (state.owed > 0) return;
    whenQuiet?.();
    whenQuiet = undefined;
  });

  return {
    port: () => server.localPort,
    isIdle: () => state.owed <= 0,
    drop,
    dropAfterAnswer: () => {
      state.isLast = true;
    },
  };
}

function stageOf(command: string): Stage | undefined {
  if (/^(EHLO|HELO)\b/i.test(command)) return "ehlo";
  if (/^STARTTLS\b/i.test(command)) return "starttls";
  return /^DATA\b/i.test(command) ? "data" : undefined;
}

/** Says things in their order, byte by byte if it must; undefined ends the talk. */
function createVoice(client: Socket, trickle: () => number | undefined): (words: Buffer | undefined) => void {
  let last: Promise<void> = Promise.resolve();
  const sayNow = async (words: Buffer | undefined) => {
    if (!words) return void client.end();
    const pause = trickle();
    if (pause === undefined) return void client.write(words);
    for (const byte of words) {
      if (client.destroyed) return;
      client.write(Buffer.from([byte]));
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  };
  return (words) => {
    last = last.then(() => sayNow(words));
  };
}

/** Cuts a stream into lines, their ends included. */
function createLines(take: (line: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
      take(rest.subarray(0, end + 1));
      rest = rest.subarray(end + 1);
    }
  };
}
