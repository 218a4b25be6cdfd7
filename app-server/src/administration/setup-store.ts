import { type Kysely, sql, type Transaction } from "kysely";
import { selectAdministrators } from "../database/fragments.ts";
import type { AppDatabase, SetupLinkTable } from "../database/tables.ts";

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

type NewSetupLink = Pick<SetupLinkTable, "token_hash" | "expires_at"> & { only_first: boolean };

/** The link works from now on, and no other does. Of two that are made at once the second waits for the first. */
export async function replaceSetupLinks(db: Kysely<AppDatabase>, link: NewSetupLink): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`lock table setup_links in share row exclusive mode`.execute(trx);
    await endSetupLinks(trx);
    await trx.insertInto("setup_links").values(link).execute();
  });
}

export async function endSetupLinks(db: Db): Promise<void> {
  await db.deleteFrom("setup_links").execute();
}

/** True for exactly one caller, before the link's time is over, and for one that is for the first only before there is any. */
export async function takeSetupLink(db: Db, tokenHash: Uint8Array, now: number): Promise<boolean> {
  const result = await db
    .deleteFrom("setup_links")
    .where("token_hash", "=", tokenHash)
    .where("expires_at", ">", now)
    .where((eb) => eb.or([eb("only_first", "=", false), eb.not(eb.exists(selectAdministrators(db, now)))]))
    .executeTakeFirst();
  return result.numDeletedRows === 1n;
}

export async function purgeSetupLinks(db: Db, now: number): Promise<void> {
  await db.deleteFrom("setup_links").where("expires_at", "<=", now).execute();
}
