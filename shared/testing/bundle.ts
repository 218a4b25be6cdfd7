import { rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Plugin, rolldown } from "rolldown";

/**
 * `node shared/testing/bundle.ts FOLDER` writes both servers there, each with its libraries in a few files. Six hundred
 * modules are two thirds of what a start costs, and tests start servers hundreds of times.
 */

const checkout = fileURLToPath(new URL("../..", import.meta.url));

/** Native code, and a log that may look for files of its own. */
const separate = /^(@node-rs\/.*|pino)$/;

/** What a module finds beside itself it finds where its source lies, and so are those that stay apart. */
const places: Plugin = {
  name: "places",
  resolveId: {
    filter: { id: separate },
    handler: (id, importer) => ({ id: createRequire(importer ?? checkout).resolve(id), external: "absolute" }),
  },
  transform: {
    filter: { code: /import\.meta\.(url|dirname|resolve)/ },
    handler: (code, id) =>
      code
        .replaceAll(/import\.meta\.resolve\("(.*)"\)/g, (_, name) => urlOf(createRequire(id).resolve(name)))
        .replaceAll("import.meta.url", urlOf(id))
        .replaceAll("import.meta.dirname", JSON.stringify(dirname(id))),
  },
};

const urlOf = (file: string) => JSON.stringify(pathToFileURL(file));

async function bundle(name: string, folder: string): Promise<void> {
  const input = { main: join(checkout, name, "src/main.ts") };
  const made = await rolldown({ input, platform: "node", plugins: [places], cwd: checkout });
  await made.write({ dir: join(folder, name), format: "esm", keepNames: true, entryFileNames: "main.mjs" });
  await made.close();
}

const [, , folder = ""] = process.argv;
const draft = `${folder}-${process.pid}`;
await Promise.all(["auth-server", "app-server"].map((name) => bundle(name, draft)));
// Another process may have been quicker, with the same.
await rename(draft, folder).catch(() => rm(draft, { recursive: true }));
