import type { ListedPerson } from "@anteroom/shared/wire/app/people";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import { type Kysely, sql, type Transaction } from "kysely";
import { permissionHolds, searched } from "../database/fragments.ts";
import type { AppDatabase } from "../database/tables.ts";
import { newestMail } from "../mail/newest.ts";
import { hasEnded, isLive } from "../registration/moves.ts";

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

export interface PeopleFilter {
  /** A pattern for LIKE, in lower case; empty for everybody. */
  search: string;
  /** Only people that come after this one. */
  after: { createdAt: number; id: string } | undefined;
  limit: number;
  now: number;
}

/** Newest first. */
export async function listPeople(db: Db, { search, after, limit, now }: PeopleFilter): Promise<ListedPerson[]> {
  let page = db
    .selectFrom("users")
    .select(["users.id as user_id", "email", "firstname", "lastname", "disabled", "created_at"])
    .select([
      permissionsAt(now).as("permissions"),
      newestMail({ user_id: "users.id", registration_id: "users.registration_id" }).as("mail"),
    ]);
  if (search) page = page.where(searched("users"), "like", search);
  if (after) page = page.where(sql<boolean>`(created_at, users.id) < (${after.createdAt}, ${after.id})`);
  return page.orderBy("created_at", "desc").orderBy("users.id", "desc").limit(limit).execute();
}

const permissionsAt = (now: number) => sql<string[]>`array(
  select permission from permissions
  where user_id = users.id and ${permissionHolds(now)} order by permission)`;

/** Name and language of whoever waits, was rejected lately or has an account under the address. */
export async function findPerson(db: Db, email: EmailAddress) {
  const user = await db
    .selectFrom("users")
    .select(["firstname", "lastname", "language"])
    .where("email_norm", "=", email)
    .executeTakeFirst();
  if (user) return user;
  return db
    .selectFrom("registration_state")
    .innerJoin("newusers", "newusers.registration_id", "registration_state.id")
    .select(["newusers.firstname", "newusers.lastname", "newusers.language"])
    .where("registration_state.email", "=", email)
    .where((eb) => eb.or([isLive, hasEnded]))
    .orderBy("newusers.created_at", "desc")
    .limit(1)
    .executeTakeFirst();
}
