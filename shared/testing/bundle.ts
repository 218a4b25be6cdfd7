import { rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Plugin, rolldown } from "rolldown";

/**
 * `node shared/testing/bundle.ts FOLDER` writes both servers there, each with its libraries in a few files. Six hundred
 * modules, loaded one by one, take two thirds of a start, and tests start servers hundreds of times.
 */

const checkout = fileURLToPath(new URL("../..", import.meta.url));

/** Native code, and a log that may look for files of its own. */
const separate = /^(@node-rs\/.*|pino)$/;

/** A bundled module finds what lies beside its source, and libraries that stay apart are found from there as well. */
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

const [, , folder] = process.argv;
if (folder === undefined) throw new Error("Name the folder to write to.");
const draft = `${folder}-${process.pid}`;
await Promise.all(["auth-server", "app-server"].map((name) => bundle(name, draft)));
await rename(draft, folder).catch(async (error: NodeJS.ErrnoException) => {
  await rm(draft, { recursive: true });
  // Another process may have been quicker, with the same.
  if (!["ENOTEMPTY", "EEXIST"].includes(error.code ?? "")) throw error;
});
