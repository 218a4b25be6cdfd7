import { access, chmod, constants, mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { refusal } from "../refusal.ts";

/** Writes a file that is either there whole or not at all, on the disk when this returns, readable by its owner only. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const partial = `${path}.${process.pid}`;
  const file = await open(partial, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, path);
  const folder = await open(dirname(path), "r");
  await folder.sync().finally(() => folder.close());
}

/** Makes the data folder, closed to others. For root, others may pass through it: PostgreSQL runs as one of them. */
export async function makeDataFolder(path: string): Promise<void> {
  try {
    const created = await mkdir(path, { recursive: true, mode: 0o700 });
    if (created !== undefined) {
      await chmod(path, process.getuid?.() === 0 ? 0o711 : 0o700);
    }
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw refusal(`The data folder ${path} cannot be used: ${reason}. Set ANTEROOM_DATA_DIR to another folder.`, cause);
  }
}
