import { makeDataFolder } from "@anteroom/launch/folder/files";
import { keepSecrets } from "@anteroom/launch/folder/secrets";
import { databaseUrl, ensureDatabases, prepareEmbedded, startEmbedded } from "@anteroom/launch/postgres/embedded";

export interface Databases {
  auth: string;
  app: string;
  /** PostgreSQL's own process, if it is ours. */
  pid?: number;
}

/** A PostgreSQL exactly as `npm start` runs it, every commit on the disk included, in a folder of its own. */
export async function startDatabases(folder: string): Promise<Databases & { stop: () => Promise<void> }> {
  await makeDataFolder(folder);
  const secrets = await keepSecrets(folder);
  const embedded = await prepareEmbedded({
    dataDirectory: folder,
    secrets,
    connections: 60,
    cancelled: new AbortController().signal,
  });
  const postmaster = await startEmbedded(embedded);
  await ensureDatabases(postmaster.port, secrets);
  return {
    auth: databaseUrl("auth", postmaster.port, secrets),
    app: databaseUrl("app", postmaster.port, secrets),
    pid: postmaster.pid,
    stop: () => postmaster.stop(3_000),
  };
}
