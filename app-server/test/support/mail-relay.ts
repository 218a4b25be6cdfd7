import { type AddressInfo, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";

/** A mail relay that takes everything and keeps whom it was for. */
export async function startMailRelay() {
  const recipients: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    serve(socket, recipients);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    recipients,
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function serve(socket: Socket, recipients: string[]): void {
  let recipient = "";
  let isReadingMail = false;
  const say = (line: string) => socket.write(`${line}\r\n`);
  say("220 relay");
  createInterface({ input: socket }).on("line", (line) => {
    if (isReadingMail) {
      if (line !== ".") return;
      isReadingMail = false;
      recipients.push(recipient);
      say("250 taken");
      return;
    }
    recipient = /^RCPT TO:<(.*)>/.exec(line)?.[1] ?? recipient;
    isReadingMail = line === "DATA";
    say(isReadingMail ? "354 go on" : "250 relay");
  });
}
