import { fileURLToPath } from "node:url";
import { startVitest } from "vitest/node";

/**
 * How soon pages show their largest part on a machine a quarter as quick as this one:
 * `node app-server/scripts/measure-pages.ts`. It runs as a test does, for the servers and the browser that tests are given.
 */
process.chdir(fileURLToPath(new URL("../..", import.meta.url)));
const vitest = await startVitest("test", [], {
  include: ["app-server/scripts/page-speed.ts"],
  reporters: ["dot"],
  testTimeout: 300_000,
  watch: false,
});
await vitest?.close();
