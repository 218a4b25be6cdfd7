import { type Kysely, sql, type Transaction } from "kysely";
import type { AppDatabase, UserTable } from "./tables.ts";

/** Parts of statements that several stores are made of. */

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

/**
 * Whether a row is one that is looked for: each word is a part of its names or address, in any order, whatever its case and
 * accents. Every row for no words.
 */
export function isFound(table: "newusers" | "users", search: string) {
  const words = [...new Set(toSearchForm(search).split(/\s+/))].filter(Boolean);
  const isPart = (word: string) => sql`${sql.ref(`${table}.searched`)} like ${toPattern(word)}`;
  return words.length === 0 ? sql<boolean>`true` : sql<boolean>`(${sql.join(words.map(isPart), sql` and `)})`;
}

/** As the function `search_form` of the database has it (migrations/016): there for what is looked at, here for what for. */
function toSearchForm(text: string): string {
  const bare = text
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase();
  return bare.replace(/[ßæœþøłđðħŧı]/g, (letter) => typedAs[letter] ?? letter).trim();
}

const typedAs: Record<string, string> = {
  ...{ ß: "ss", æ: "ae", œ: "oe", þ: "th" },
  ...{ ø: "o", ł: "l", đ: "d", ð: "d", ħ: "h", ŧ: "t", ı: "i" },
};

/** A pattern for LIKE that finds texts with this part, whatever it consists of. Empty for nothing to look for. */
export function toPattern(part: string): string {
  const text = part.trim().toLowerCase();
  return text && `%${text.replace(/[\\%_]/g, "\\$&")}%`;
}

/** Of a row of `permissions`: it has not run out. */
export const permissionHolds = (now: number) =>
  sql<boolean>`(permissions.expires_at is null or permissions.expires_at > ${now})`;

/** Those who can act as administrators. */
export const selectAdministrators = (db: Db, now: number) =>
  db
    .selectFrom("users")
    .innerJoin("permissions", "permissions.user_id", "users.id")
    .select("users.id")
    .where("permissions.permission", "=", "admin")
    .where("users.disabled", "=", false)
    .where(permissionHolds(now))
    .orderBy("users.id");

/** A person as mails and decisions know them: by their account, and by the registration it came from. */
export type Person = Pick<UserTable, "id" | "registration_id">;

/** The same for whoever an id names: a user's, or that of the registration an account came from or will come from. */
export const isAboutId = (id: string) =>
  sql<boolean>`(user_id in (select id from users where ${id} in (id, registration_id))
    or registration_id in (${id}, (select registration_id from users where id = ${id})) or user_id = ${id})`;

export const isAbout = ({ id, registration_id }: Person) =>
  sql<boolean>`(user_id = ${id} or registration_id = ${registration_id})`;
