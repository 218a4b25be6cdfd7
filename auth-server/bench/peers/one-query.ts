import { hash, timingSafeEqual } from "node:crypto";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import postgres from "postgres";

// What somebody would write by hand for get_session and nothing else: parse, one select by primary key, compare.
// No limits, no counting, no expiry: a ceiling, not a server. With "join" the select brings the user along, and one
// that is disabled is refused; without it nobody looks at the user.

const [port, url = "", connections, join] = process.argv.slice(2);
const sql = postgres(url, { max: Number(connections) });
const find = join
  ? (id: string) => sql`select s.id, s.secret_hash, s.user_id, s.created_at, u.disabled
      from sessions s join users u on u.id = s.user_id where s.id = ${id}`
  : (id: string) => sql`select id, secret_hash, user_id, created_at from sessions where id = ${id}`;

const app = new Hono();
app.get("/alive", (c) => c.json({ status: "alive" }));
app.post("/", async (c) => {
  const { arguments: args } = await c.req.json();
  const [id, secret] = String(args.session_token).split(".");
  const [row] = await find(id ?? "");
  if (!row || row.disabled || !timingSafeEqual(hash("sha256", secret ?? "", "buffer"), row.secret_hash))
    return c.json({ ok: false, error_code: "invalid_session_token" });
  return c.json({ ok: true, values: { session: { id: row.id, user_id: row.user_id, created_at: row.created_at } } });
});

process.once("disconnect", () => process.exit(0));
serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(port) });
