import { fileURLToPath } from "node:url";
import { startVitest } from "vitest/node";

/**
 * Pictures of every page in every state for a person to look at, written to docs/pages:
 * `node app-server/scripts/picture-pages.ts`, after pages have changed. `… picture-pages.ts queue` takes only those whose
 * name contains “queue”, or matches such a pattern. It runs as a test does, for the servers and the browser that tests are given.
 */
const root = fileURLToPath(new URL("../..", import.meta.url));
process.chdir(root);
process.env.PICTURES = process.argv[2] ?? "";
const vitest = await startVitest("test", [], {
  include: ["app-server/scripts/page-pictures.ts"],
  reporters: ["dot"],
  watch: false,
});
await vitest?.close();
