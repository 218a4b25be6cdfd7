import { type SwitchableMailType, switchableMailTypes } from "@anteroom/shared/wire/app/accounts";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import type { Language } from "@anteroom/shared/wire/languages";
import { type Kysely, sql, type Transaction } from "kysely";
import { selectAdministrators } from "../../database/fragments.ts";
import type { AppDatabase } from "../../database/tables.ts";
import { type ChoicePolicy, mailKinds } from "../kinds.ts";

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

export interface Preferences {
  /** Null: the site's. */
  language: Language | null;
  mail: Record<SwitchableMailType, boolean>;
}

/** What a person gets, chosen or not. Undefined when there is no such person. */
export async function findPreferences(db: Db, userId: string, policy: ChoicePolicy): Promise<Preferences | undefined> {
  const rows = await db
    .selectFrom("users")
    .leftJoin("mail_preferences as chosen", "chosen.user_id", "users.id")
    .select(["users.language", "chosen.type", "chosen.is_on"])
    .where("users.id", "=", userId)
    .execute();
  const [user] = rows;
  if (!user) return undefined;
  const isOn = (type: SwitchableMailType) =>
    rows.find((row) => row.type === type)?.is_on ?? mailKinds[type].choice.unchosen(policy);
  const mail = Object.fromEntries(switchableMailTypes.map((type) => [type, isOn(type)]));
  return { language: user.language, mail: mail as Preferences["mail"] };
}

/** Nothing happens when there is no such person. */
export async function storeMailPreference(db: Db, userId: string, type: SwitchableMailType, isOn: boolean) {
  await db
    .insertInto("mail_preferences")
    .columns(["user_id", "type", "is_on"])
    .expression((eb) =>
      eb
        .selectFrom("users")
        .select(["id", sql<SwitchableMailType>`${type}`.as("type"), sql<boolean>`${isOn}::boolean`.as("is_on")])
        .where("id", "=", userId),
    )
    .onConflict((conflict) => conflict.columns(["user_id", "type"]).doUpdateSet({ is_on: isOn }))
    .execute();
}

/** Whether the owner of an address does not want this kind of mail. */
export async function isSwitchedOff(
  db: Db,
  { email, type }: { email: EmailAddress; type: SwitchableMailType },
  policy: ChoicePolicy,
): Promise<boolean> {
  const chosen = await db
    .selectFrom("users")
    .innerJoin("mail_preferences as chosen", "chosen.user_id", "users.id")
    .select("chosen.is_on")
    .where("users.email_norm", "=", email)
    .where("chosen.type", "=", type)
    .executeTakeFirst();
  return !(chosen?.is_on ?? mailKinds[type].choice.unchosen(policy));
}

/** The addresses of the administrators who are to be told of who waits: what each has chosen, else what the operator has. */
export async function listApprovers(db: Db, now: number, policy: ChoicePolicy): Promise<string[]> {
  const type: SwitchableMailType = "approval_request";
  const unchosen = mailKinds[type].choice.unchosen(policy);
  const rows = await selectAdministrators(db, now)
    .leftJoin("mail_preferences as chosen", (join) =>
      join.onRef("chosen.user_id", "=", "users.id").on("chosen.type", "=", type),
    )
    .select("users.email")
    .where(sql<boolean>`coalesce(chosen.is_on, ${unchosen})`)
    .execute();
  return rows.map(({ email }) => email);
}
