import { execFile } from "node:child_process";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { rolldown } from "rolldown";
import { API, NodeBuilderFlags } from "typescript/unstable/sync";

/**
 * Makes `dist`, which is what the package holds: two entries of JavaScript, and the types of what they are made of. Sources
 * are those that the pages of the project use.
 */
const folder = import.meta.dirname;
const dist = join(folder, "dist");
const config = join(folder, "tsconfig.json");

async function bundle(): Promise<void> {
  const input = { index: join(folder, "index.ts"), react: join(folder, "react.ts") };
  const made = await rolldown({ input, external: ["react"], cwd: folder });
  await made.write({ dir: dist, format: "esm", chunkFileNames: "[name].js" });
  await made.close();
}

async function writeTypes(): Promise<void> {
  const tsc = join(folder, "../../node_modules/typescript/bin/tsc");
  await promisify(execFile)(process.execPath, [tsc, "-p", config]);
  await writeFile(join(dist, "client/wire.d.ts"), spellOut(join(folder, "wire.ts")));
  // What the schemas are made of; the clients' types stand on the contract of the auth server and on what is spelled out.
  for (const name of await readdir(join(dist, "wire")))
    if (name !== "faroe.d.ts") await rm(join(dist, "wire", name), { recursive: true });
  for (const name of await readdir(dist, { recursive: true }))
    if (name.endsWith(".d.ts")) await nameAsBuilt(join(dist, name));
}

/** Sources import each other by the names that they have; compilers of others look for those of what was made of them. */
async function nameAsBuilt(file: string): Promise<void> {
  await writeFile(file, (await readFile(file, "utf8")).replaceAll(/(from "\.[^"]*)\.ts"/g, '$1.js"'));
}

/** Each type that a module exports, written out to the end: nothing of what it was made of is named. */
function spellOut(module: string): string {
  const api = new API({ cwd: folder });
  try {
    const [project] = api.updateSnapshot({ openProjects: [config] }).getProjects();
    const source = project?.program.getSourceFile(module);
    const symbol = source && project?.checker.getSymbolAtLocation(source);
    if (!project || !symbol) throw new Error(`${module} is not part of ${config}.`);
    const { checker } = project;
    return checker
      .getExportsOfModule(symbol)
      .map((each) => {
        const type = checker.getDeclaredTypeOfSymbol(checker.getAliasedSymbol(each));
        const flags =
          NodeBuilderFlags.NoTruncation | NodeBuilderFlags.InTypeAlias | NodeBuilderFlags.MultilineObjectLiterals;
        return `export type ${each.name} = ${checker.typeToString(type, undefined, flags)};\n`;
      })
      .join("\n");
  } finally {
    api.close();
  }
}

/** No file of the package may ask for what is not in it. */
async function refuseStrangers(): Promise<void> {
  for (const name of await readdir(dist, { recursive: true })) {
    if (!/\.(js|d\.ts)$/.test(name)) continue;
    const text = await readFile(join(dist, name), "utf8");
    const strangers = [...text.matchAll(/(?:from|import)\s*\(?"([^."][^"]*)"/g)].filter(([, from]) => from !== "react");
    if (strangers.length > 0) throw new Error(`dist/${name} asks for ${strangers.map(([, from]) => from).join(", ")}.`);
  }
}

await rm(dist, { recursive: true, force: true });
await bundle();
await writeTypes();
await refuseStrangers();
