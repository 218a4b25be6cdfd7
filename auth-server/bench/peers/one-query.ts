import { hash, timingSafeEqual } from "node:crypto";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import postgres from "postgres";

// What somebody would write by hand for get_session and nothing else: parse, one select by primary key, compare.
// No checks of the user, no limits, no counting, no expiry: a ceiling, not a server.

const [port, url = "", connections] = process.argv.slice(2);
const sql = postgres(url, { max: Number(connections) });

const app = new Hono();
app.get("/alive", (c) => c.json({ status: "alive" }));
app.post("/", async (c) => {
  const { arguments: args } = await c.req.json();
  const [id, secret] = String(args.session_token).split(".");
  const [row] = await sql`select id, secret_hash, user_id, created_at from sessions where id = ${id ?? ""}`;
  if (!row || !timingSafeEqual(hash("sha256", secret ?? "", "buffer"), row.secret_hash))
    return c.json({ ok: false, error_code: "invalid_session_token" });
  return c.json({ ok: true, values: { session: { id: row.id, user_id: row.user_id, created_at: row.created_at } } });
});

process.once("disconnect", () => process.exit(0));
serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(port) });
