import type { Kysely } from "kysely";
import { isFreeFor } from "../database/leases.ts";
import type { AppDatabase } from "../database/tables.ts";

/** The statements by which one process at a time does a job. */

export interface Holder {
  name: string;
  processName: string;
}

/** False while another living process is at it. */
export async function takeJob(db: Kysely<AppDatabase>, { name, processName }: Holder): Promise<boolean> {
  const row = await db
    .insertInto("jobs")
    .values({ name, held_by: processName })
    .onConflict((conflict) =>
      conflict.column("name").doUpdateSet({ held_by: processName }).where(isFreeFor(processName, "jobs.held_by")),
    )
    .returning("name")
    .executeTakeFirst();
  return row !== undefined;
}

export async function leaveJob(db: Kysely<AppDatabase>, { name, processName }: Holder): Promise<void> {
  await db
    .updateTable("jobs")
    .set({ held_by: null })
    .where("name", "=", name)
    .where("held_by", "=", processName)
    .execute();
}
