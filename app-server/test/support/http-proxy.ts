import { Agent, createServer, type IncomingMessage, type ServerResponse, request as sendRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { text as readText } from "node:stream/consumers";
import type { Gate, Link } from "./crossings.ts";

export interface HttpProxy {
  url: string;
  /** From now on connections are refused, as if nothing listened; those in use stay until they have answered. */
  refuse(): void;
  accept(): Promise<void>;
  /** Resolves when nothing is under way. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Stands between the two servers. When the server behind it is gone, or goes before it has answered, the caller's
 * connection is cut. A call that waits at the gate goes on when it opens, even if its caller is gone.
 */
export async function createHttpProxy(link: Link, target: string, gate: Gate): Promise<HttpProxy> {
  const agent = new Agent({ keepAlive: true });
  const underWay = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    const passing = pass(request, response)
      .catch(() => response.destroy())
      .then(() => void underWay.delete(passing));
    underWay.add(passing);
  });
  server.keepAliveTimeout = 60_000;

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readText(request);
    const what = nameOf(request.url ?? "", body);
    const instead = await gate({ link, what, phase: "call", text: body });
    const answer = instead ? toAnswer(instead) : await forward(agent, target, request, body);
    await gate({ link, what, phase: "answer", text: `${body}\n${answer.body}` });
    response.writeHead(answer.status, { "content-type": answer.type });
    response.end(answer.body);
  }

  const listen = (port: number) =>
    new Promise<number>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
    });
  const port = await listen(0);
  return {
    url: `http://127.0.0.1:${port}`,
    refuse: () => {
      server.close();
      server.closeIdleConnections();
    },
    accept: async () => {
      if (!server.listening) await listen(port);
    },
    settle: async () => {
      while (underWay.size > 0) await Promise.all(underWay);
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      agent.destroy();
    },
  };
}

function nameOf(path: string, body: string): string {
  const action = /"action":"(\w+)"/.exec(body)?.[1];
  return action ?? path;
}

interface Answer {
  status: number;
  type: string;
  body: string;
}

function toAnswer({ status, body }: { status: number; body: unknown }): Answer {
  return { status, type: "application/json", body: JSON.stringify(body) };
}

function forward(agent: Agent, target: string, incoming: IncomingMessage, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { host: _host, connection: _connection, "transfer-encoding": _encoding, ...given } = incoming.headers;
    const headers = { ...given, "content-length": Buffer.byteLength(body) };
    const outgoing = sendRequest(
      target + incoming.url,
      { agent, method: incoming.method ?? "POST", headers },
      (response) => {
        readText(response).then(
          (text) =>
            resolve({ status: response.statusCode ?? 502, type: response.headers["content-type"] ?? "", body: text }),
          reject,
        );
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
