import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the repository, wherever the caller stands. */
export const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
