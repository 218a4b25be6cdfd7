import { serve } from "@hono/node-server";
import { Hono } from "hono";

// The least that an HTTP server on this stack costs: nothing but Hono and a constant answer.

const app = new Hono();
app.get("/alive", (c) => c.json({ status: "alive" }));
app.get("/", (c) => c.json({ ok: true, values: {} }));
/** A round trip as the servers make it to each other: JSON there and back. */
app.post("/", async (c) => {
  await c.req.json();
  return c.json({ ok: true, values: {} });
});

process.once("disconnect", () => process.exit(0));
serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(process.argv[2]) });
