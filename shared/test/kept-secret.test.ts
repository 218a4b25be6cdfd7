import { randomBytes } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../runtime/database/database.ts";
import { createKeptSecretTable, openKeptSecret } from "../runtime/kept-secret.ts";
import type { Secrets } from "../runtime/settings.ts";
import { createEmptyDatabase } from "../testing/empty-database.ts";

let dropDatabase: () => Promise<void>;
let database: Database<unknown>;

beforeAll(async () => {
  const empty = await createEmptyDatabase();
  dropDatabase = empty.drop;
  database = openDatabase({ url: empty.url, poolSize: 5, applicationName: "test" });
  await createKeptSecretTable(database.db);
});

afterAll(async () => {
  await database?.close();
  await dropDatabase?.();
});

beforeEach(() => sql`truncate kept_secret`.execute(database.db));

const [former, current, other] = [randomBytes(32), randomBytes(32), randomBytes(32)];

const startWith = (...secrets: Secrets) => openKeptSecret(database.db, secrets, async () => false);

test("set 2: processes that learn of a new secret one after the other use one secret all the while", async () => {
  const { secret } = await startWith(former);
  const kept = { secret, status: "kept", isAnother: false };
  expect(await startWith(current, former)).toEqual(kept);
  expect(await startWith(former), "one that has not heard of it yet starts again").toEqual(kept);
  expect(await startWith(current, former)).toEqual(kept);
  expect(await startWith(current)).toEqual(kept);
  expect(await startWith(former), "what was given up opens nothing").toMatchObject({ status: "former" });
});

test("set 2: a slip is undone by the next start with the right secret", async () => {
  const { secret } = await startWith(current);
  expect(await startWith(other)).toEqual({ secret: other, status: "former", isAnother: true });
  expect(await startWith(other)).toEqual({ secret: other, status: "former", isAnother: false });
  expect(await startWith(current)).toEqual({ secret, status: "kept", isAnother: true });
});

test("set 2: many that start at once make one secret", async () => {
  const opened = await Promise.all(Array.from({ length: 10 }, () => startWith(current, former)));
  expect(new Set(opened.map(({ secret }) => secret.toString("hex"))).size).toBe(1);
});

test("set 2: in a database that was in use, the oldest of the given secrets is kept", async () => {
  expect(await openKeptSecret(database.db, [current, former], async () => true)).toMatchObject({ secret: former });
});
