import type { Socket } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import type { AppContext } from "../../context.ts";
import { readReport } from "./delivery-report.ts";
import { recordReport } from "./record-report.ts";
import { createReturnPaths } from "./return-path.ts";

/** Bytes. A report holds at most the whole of the mail that it is about. */
const largest = 512 * 1_024;

/** Whoever has said the last word and closes that side still gets the answers (RFC 5321, 4.1.1.10). Given on to node:net. */
const halfOpen: object = { allowHalfOpen: true };

const mostRecipients = 10;

export interface InboundListener {
  port: number;
  close(): Promise<void>;
}

/**
 * Listens for mails that come back. Only the return paths of our own mails are recipients, so there is nothing to relay,
 * to guess or to register here; nothing that arrives is ever answered by mail.
 */
export function listenForMail(context: AppContext): Promise<InboundListener> {
  const { inbound } = context.settings;
  if (!inbound) throw new Error("The settings name no domain for inbound mail.");
  const server = new SMTPServer({
    name: inbound.domain,
    banner: "Mails that came back, please.",
    size: largest,
    authOptional: true,
    disabledCommands: ["AUTH", "STARTTLS"],
    disableReverseLookup: true,
    maxClients: 50,
    socketTimeout: 30_000,
    closeTimeout: 1_000,
    ...halfOpen,
    ...createHandlers(context),
  });
  server.server.on("connection", keepAnswering);
  server.on("error", (error) => context.log.debug({ err: error }, "inbound mail"));
  return new Promise((resolve, reject) => {
    server.server.once("error", (cause) =>
      reject(
        new Error(`${inbound.host}:${inbound.port} cannot be used; set BACKEND_INBOUND_SMTP_PORT to another one.`, {
          cause,
        }),
      ),
    );
    const listening = server.listen(inbound.port, inbound.host, () => {
      const address = listening.address();
      const port = typeof address === "object" && address !== null ? address.port : inbound.port;
      resolve({ port, close: () => new Promise((closed) => server.close(() => closed())) });
    });
  });
}

/** smtp-server answers only where both sides are open, and knows no other end than that of both. */
function keepAnswering(socket: Socket): void {
  Object.defineProperty(socket, "readyState", { get: () => (socket.writable ? "open" : "closed") });
  socket.on("end", () => endWhenQuiet(socket));
}

/** The other side has said its last: once everything is answered there is nothing to wait for. */
function endWhenQuiet(socket: Socket, written = -1): void {
  if (socket.destroyed || socket.writableEnded) return;
  const isQuiet = socket.bytesWritten === written && !isStoring.has(peerOf(socket));
  if (isQuiet) socket.end();
  else setTimeout(() => endWhenQuiet(socket, socket.bytesWritten), 50).unref();
}

/** Connections whose mail is being written down. */
const isStoring = new Set<string>();

const peerOf = ({
  remoteAddress = "",
  remotePort = 0,
}: {
  remoteAddress?: string | undefined;
  remotePort?: number | undefined;
}) => `${remoteAddress} ${remotePort}`;

function createHandlers(context: AppContext): Pick<SMTPServerOptions, "onRcptTo" | "onData"> {
  const returnPaths = createReturnPaths(context.settings);
  return {
    onRcptTo: ({ address }, { envelope }, callback) => {
      if (returnPaths.mailIdOf(address) === undefined) callback(refusal(550, "No such address here"));
      else if (envelope.rcptTo.length >= mostRecipients) callback(refusal(452, "Too many recipients"));
      else callback();
    },
    onData: (stream, { envelope, remoteAddress, remotePort }, callback) => {
      const peer = peerOf({ remoteAddress, remotePort });
      isStoring.add(peer);
      readAll(stream)
        .then(async (message) => {
          if (message === undefined) return callback(refusal(552, "Too large for a report"));
          const mailIds = envelope.rcptTo.flatMap(({ address }) => returnPaths.mailIdOf(address) ?? []);
          await takeReport(context, mailIds, message);
          callback(null, "Thank you");
        })
        .catch((error: unknown) => {
          context.log.error({ err: error }, "a report of a delivery could not be stored");
          callback(refusal(451, "Try again later"));
        })
        .finally(() => isStoring.delete(peer));
    },
  };
}

async function takeReport(context: AppContext, mailIds: string[], message: Uint8Array): Promise<void> {
  const report = await readReport(message);
  for (const mailId of mailIds) await recordReport(context, { mailId, ...report });
}

/** Reads to the end in any case; undefined when that is too much. */
async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size <= largest) chunks.push(chunk);
  }
  return size <= largest ? Buffer.concat(chunks) : undefined;
}

function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}
