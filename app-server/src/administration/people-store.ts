import type { HeldPermission, ListedPerson, PeopleKind, PersonFacts } from "@anteroom/shared/wire/app/people";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import { type Kysely, sql, type Transaction } from "kysely";
import { nameOfUser } from "../audit/log-store.ts";
import { isFound, permissionHolds, selectAdministrators } from "../database/fragments.ts";
import type { AppDatabase } from "../database/tables.ts";
import { newestMail } from "../mail/newest.ts";
import { hasEnded, isLive } from "../registration/moves.ts";

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

export interface PeopleFilter {
  /** Words; empty for everybody. */
  search: string;
  only: PeopleKind | undefined;
  now: number;
}

export interface PeoplePage {
  /** Only people that come after this one. */
  after: { createdAt: number; id: string } | undefined;
  limit: number;
}

/** Newest first. */
export async function listPeople(db: Db, filter: PeopleFilter, { after, limit }: PeoplePage): Promise<ListedPerson[]> {
  let page = selectPeople(db, filter)
    .select(["users.id as user_id", "email", "firstname", "lastname", "disabled", "created_at"])
    .select([
      permissionsAt(filter.now).as("permissions"),
      newestMail({ user_id: "users.id", registration_id: "users.registration_id" }).as("mail"),
    ]);
  if (after) page = page.where(sql<boolean>`(created_at, users.id) < (${after.createdAt}, ${after.id})`);
  return page.orderBy("created_at", "desc").orderBy("users.id", "desc").limit(limit).execute();
}

export async function countPeople(db: Db, filter: PeopleFilter): Promise<number> {
  const { total } = await selectPeople(db, filter)
    .select(sql<number>`count(*)::int`.as("total"))
    .executeTakeFirstOrThrow();
  return total;
}

function selectPeople(db: Db, { search, only, now }: PeopleFilter) {
  let people = db.selectFrom("users");
  if (search) people = people.where(isFound("users", search));
  if (only === "closed") people = people.where("disabled", "=", true);
  if (only === "administrators") people = people.where("users.id", "in", selectAdministrators(db, now).clearOrderBy());
  return people;
}

/** Whoever an id names: a user, by their id or that of the registration they came from, or whoever has a registration. */
export async function findPersonFacts(db: Db, id: string, now: number): Promise<PersonFacts | undefined> {
  const shown = sql<HeldPermission[]>`coalesce((
    select json_agg(json_build_object('permission', permission, 'granted_by', granted_by,
      'granted_by_name', ${nameOfUser(sql`granted_by`)}, 'granted_at', granted_at, 'expires_at', expires_at) order by permission)
    from permissions where user_id = person.user_id and ${permissionHolds(now)}), '[]')`;
  return db
    .selectFrom(personOf(id).as("person"))
    .select(["user_id", "state", "email", "firstname", "lastname", "disabled", "created_at"])
    .select([
      shown.as("permissions"),
      sql<
        PersonFacts["approved"]
      >`(select json_build_object('by', actor, 'by_name', actor_name, 'at', at) from decisions
        where registration_id = person.registration_id and action = 'accept' order by id desc limit 1)`.as("approved"),
      sql<
        string[]
      >`array(select distinct permission from permissions where permission <> 'admin' order by permission)`.as(
        "known_permissions",
      ),
    ])
    .executeTakeFirst();
}

type PersonColumns = Pick<
  PersonFacts,
  "user_id" | "state" | "email" | "firstname" | "lastname" | "disabled" | "created_at"
>;

const personOf = (id: string) =>
  sql<PersonColumns>`(
    select id as user_id, registration_id, null as state, email, firstname, lastname, disabled, created_at
    from users where ${id} in (id, registration_id)
    union all
    select null, registration_id, state, newusers.email, firstname, lastname, false, registration_state.created_at
    from newusers join registration_state on registration_state.id = registration_id
    where registration_id = ${id} limit 1)`;

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
