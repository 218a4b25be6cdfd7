import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { createAuthClient } from "@anteroom/shared/client/auth";

const auth = createAuthClient(process.env.AUTH_URL ?? "http://127.0.0.1:12770");
const notes = new Map<string, string[]>();

createServer(async (request, response) => {
  const body = request.method === "POST" ? await json(request) : undefined;
  // The auth server's mails: a real service queues and sends them.
  if (request.url === "/email") return response.end(console.log(JSON.stringify(body)));
  const token = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
  const session = await auth.get_session({ session_token: token });
  if (!session.ok) return response.writeHead(session.error === "invalid_session_token" ? 401 : 503).end();
  const own = notes.get(session.values.session.user_id) ?? [];
  if (request.method === "POST") own.push(String(body));
  notes.set(session.values.session.user_id, own);
  return response.end(JSON.stringify(own));
}).listen(Number(process.env.NOTES_PORT ?? 3000), "127.0.0.1");
