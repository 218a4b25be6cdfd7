import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Gate, Link } from "./crossings.ts";

export interface PostgresProxy {
  /** The database's URL by way of the proxy. */
  url: string;
  close(): Promise<void>;
}

/**
 * Stands between a server and PostgreSQL and shows every statement to the gate: before PostgreSQL has it, and again when
 * it has been carried out and only its answer is still on the way. When one side is gone the other is cut, so a
 * statement that waits at the gate while its server dies is never carried out.
 */
export async function createPostgresProxy(link: Link, databaseUrl: string, gate: Gate): Promise<PostgresProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const database = connect(Number(target.port), target.hostname);
    for (const socket of [client, database]) {
      sockets.add(socket.setNoDelay());
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        database.destroy();
      });
    }
    relay(link, client, database, gate);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = new URL(databaseUrl);
  url.hostname = "127.0.0.1";
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    close: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** A statement under way, and the answers to it that wait until it is done. */
interface Statement {
  sql: string;
  text: string;
  answers: Buffer[];
}

function relay(link: Link, client: Socket, database: Socket, gate: Gate): void {
  const statements = createStatementReader();
  /** One entry for each answer PostgreSQL still owes; a batch without a statement has none. */
  const owed: (Statement | undefined)[] = [];
  let current: Statement | undefined;

  const toDatabase = createQueue(async (message) => {
    const sql = statements.read(message);
    if (sql !== undefined) {
      const text = statements.context(message, sql);
      const waiting = gate({ link, what: sql, phase: "call", text });
      if (waiting) await waiting;
      current = { sql, text, answers: [] };
    }
    if (endsBatch(message)) {
      owed.push(current);
      current = undefined;
    }
    if (database.writable) database.write(message);
  });

  const toClient = createQueue(async (message) => {
    const statement = owed.length > 0 ? owed[0] : current;
    const isLast = message[0] === messageType.readyForQuery;
    if (isLast) owed.shift();
    if (!statement || message[0] === messageType.notification) return void client.write(message);
    statement.answers.push(message);
    if (!isLast) return;
    const answer = Buffer.concat(statement.answers);
    const waiting = gate({
      link,
      what: statement.sql,
      phase: "answer",
      text: statement.text + answer.toString("latin1"),
    });
    if (waiting) await waiting;
    if (client.writable) client.write(answer);
  });

  client.on("data", createSplitter("startup first", toDatabase));
  database.on("data", createSplitter("typed only", toClient));
}

const messageType = {
  bind: charCode("B"),
  notification: charCode("A"),
  parse: charCode("P"),
  query: charCode("Q"),
  readyForQuery: charCode("Z"),
  sync: charCode("S"),
};

function charCode(letter: string): number {
  return letter.charCodeAt(0);
}

function endsBatch(message: Buffer): boolean {
  return message[0] === messageType.sync || message[0] === messageType.query;
}

/** Follows one connection's prepared statements and transaction. */
function createStatementReader() {
  const prepared = new Map<string, string>();
  let transaction: string[] | undefined;
  return {
    /** The SQL that a message carries out, if it does. */
    read: (message: Buffer): string | undefined => {
      if (message[0] === messageType.query) return textAt(message, 5);
      if (message[0] === messageType.parse) {
        const name = textAt(message, 5);
        prepared.set(name, textAt(message, 5 + Buffer.byteLength(name) + 1));
      }
      if (message[0] !== messageType.bind) return undefined;
      const portal = textAt(message, 5);
      return prepared.get(textAt(message, 5 + Buffer.byteLength(portal) + 1));
    },
    /** What a statement carries, together with all that its transaction has done before. */
    context: (message: Buffer, sql: string): string => {
      const text = message.toString("latin1");
      if (sql === "begin") transaction = [];
      transaction?.push(text);
      const all = transaction?.join("\n") ?? text;
      if (sql === "commit" || sql === "rollback") transaction = undefined;
      return all;
    },
  };
}

function textAt(message: Buffer, start: number): string {
  return message.toString("utf8", start, message.indexOf(0, start));
}

/** Handles one message after the other, also when one has to wait. */
function createQueue(handle: (message: Buffer) => Promise<void>): (message: Buffer) => void {
  let last: Promise<void> = Promise.resolve();
  return (message) => {
    last = last.then(() => handle(message));
  };
}

/** Cuts a stream into whole messages: type, length, content. A connection's very first message has no type. */
function createSplitter(kind: "startup first" | "typed only", take: (message: Buffer) => void) {
  let rest: Buffer = Buffer.alloc(0);
  let typeBytes = kind === "startup first" ? 0 : 1;
  return (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= typeBytes + 4) {
      const size = typeBytes + rest.readInt32BE(typeBytes);
      if (rest.length < size) return;
      take(rest.subarray(0, size));
      rest = rest.subarray(size);
      typeBytes = 1;
    }
  };
}
