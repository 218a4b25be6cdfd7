import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/**
 * undici's Pool by itself. Imported whole, undici brings its fetch, caches, mocks and WebSockets along: 11 MiB of memory
 * and 50 ms of every start for nothing that is used here. The paths are those of the pinned version.
 */
export const Pool: typeof import("undici").Pool = require("undici/lib/dispatcher/pool.js");

// What undici's own entry does for all dispatchers, for the one method that is used.
Object.assign(require("undici/lib/dispatcher/dispatcher.js").prototype, {
  request: require("undici/lib/api/api-request.js"),
});
