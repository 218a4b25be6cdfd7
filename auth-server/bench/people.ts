import { randomBytes } from "node:crypto";
import { randomId } from "@anteroom/shared/runtime/crypto";
import { hashRaw } from "@node-rs/argon2";
import postgres from "postgres";
import { createCredential } from "../src/credentials.ts";
import { toSessionRow } from "../src/store/sessions.ts";
import type { Databases } from "./database.ts";

/** Users that exist, sessions that are open, and an administrator's. */
export interface People {
  addresses: string[];
  password: string;
  sessionTokens: string[];
  /** The Cookie header of an administrator. */
  administrator: string;
}

/** What sign-in is measured with: the auth server's default. */
export const argon2 = { timeCost: 3, memoryCost: 65_536, parallelism: 1, outputLen: 32 };
const algorithmId = "argon2id.3.65536.1.32";

/** Written straight into both databases: making them is not what is measured. */
export async function settlePeople(databases: Databases, counts: { users: number; sessions: number }): Promise<People> {
  const password = "correct horse battery staple";
  const salt = randomBytes(16);
  const passwordHash = await hashRaw(password, { ...argon2, salt });
  const hash = { password_hash: passwordHash, password_hash_algorithm_id: algorithmId, password_salt: salt };
  const now = Math.floor(Date.now() / 1000);
  const users = Array.from({ length: counts.users }, (_, index) => {
    const email = `person${index}.${randomId()}@example.com`;
    return { id: randomId(), email, lastname: String(index) };
  });
  const administrator = users[0]?.id ?? "";
  const sessions = Array.from({ length: counts.sessions }, (_, index) =>
    newSession(users[index % users.length]?.id ?? "", now),
  );
  await withSql(databases.app, async (sql) => {
    const rows = users.map((user) => ({
      ...user,
      ...hash,
      firstname: "Person",
      email_norm: user.email,
      created_at: now,
    }));
    await sql`insert into users ${sql(rows)}`;
    await sql`insert into permissions (user_id, permission, granted_by, granted_at)
      values (${administrator}, 'admin', 'bench', ${now})`;
  });
  await withSql(databases.auth, async (sql) => {
    await sql`insert into sessions ${sql(sessions.map(({ row }) => row))}`;
    // The same people, for the server that keeps its users itself.
    await sql`insert into users ${sql(users.map(({ id, email }) => ({ id, email_address: email, ...hash })))}`;
  });
  const sessionTokens = sessions.map(({ token }) => token);
  return {
    addresses: users.map(({ email }) => email),
    password,
    sessionTokens,
    administrator: `__Host-session=${sessionTokens[0]}`,
  };
}

function newSession(userId: string, now: number) {
  const { id, secretHash, token } = createCredential({ strict: false });
  const row = toSessionRow({
    id,
    secretHash,
    userId,
    userPasswordHashCounter: 0,
    userDisabledCounter: 0,
    userSessionsCounter: 0,
    createdAt: now,
    userAgent: "",
  });
  return { row, token };
}

export async function withSql<T>(url: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}
