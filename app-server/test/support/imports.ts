import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";

/** Which files import which: paths relative to the folder. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

const imports = /^(?:import|export) (?!type )(?:[^;"]*? from )?"([^"]+)";|import\("([^"]+)"\)/gm;

/** Static and dynamic ones. Types come and go without anybody noticing, so imports of nothing else are left out. */
export async function readImports(
  folder: string,
  isMeant: (file: string) => boolean = () => true,
): Promise<ImportGraph> {
  const files = (await readdir(folder, { recursive: true })).filter((file) => /\.tsx?$/.test(file) && isMeant(file));
  const read = async (file: string) => {
    const source = await readFile(join(folder, file), "utf8");
    return [...source.matchAll(imports)].map(([, still, late]) => {
      const name = still ?? late ?? "";
      return name.startsWith(".") ? relative(folder, join(folder, dirname(file), name)) : name;
    });
  };
  return new Map(await Promise.all(files.map(async (file) => [file, await read(file)] as const)));
}

/** Ways from a file back to itself. */
export function findCycles(graph: ImportGraph): (readonly string[])[] {
  const harmless = new Set<string>();
  const find = (way: readonly string[]): readonly string[] | undefined => {
    const file = way.at(-1) ?? "";
    if (way.indexOf(file) < way.length - 1) return way.slice(way.indexOf(file));
    if (harmless.has(file)) return undefined;
    for (const next of graph.get(file) ?? []) {
      const cycle = find([...way, next]);
      if (cycle) return cycle;
    }
    harmless.add(file);
    return undefined;
  };
  return [...graph.keys()].map((file) => find([file])).filter((cycle) => cycle !== undefined);
}
