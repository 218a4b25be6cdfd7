import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../testing/database.ts";

let migrations = 0;
const databases: TestDatabase[] = [];

async function migrate(url: string): Promise<void> {
  migrations += 1;
  await query(url, "CREATE TABLE marks (mark text)");
}

async function query(url: string, text: string): Promise<postgres.Row[]> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    return await sql.unsafe(text);
  } finally {
    await sql.end();
  }
}

beforeAll(async () => {
  databases.push(...(await Promise.all([1, 2, 3].map(() => createTestDatabase("example", migrate)))));
});

afterAll(async () => {
  await Promise.all(databases.map((database) => database.drop()));
});

test("test databases are separate copies of a template that is migrated once", async () => {
  const [first, second] = databases;
  await query(first?.url ?? "", "INSERT INTO marks VALUES ('first')");
  expect(await query(second?.url ?? "", "SELECT * FROM marks")).toEqual([]);
  expect(migrations).toBe(1);
});

test("letters fold beyond ASCII and sort by code point, on every machine alike", async () => {
  const rows = await query(databases[2]?.url ?? "", "SELECT lower('ÄÉ') AS folded, 'B' < 'a' AS code_point_order");
  expect(rows).toEqual([{ folded: "äé", code_point_order: true }]);
});
