import { type RawBuilder, sql } from "kysely";

/**
 * Whoever holds a row writes the name of its process there, which is the application name of its connections. As long as it
 * lives it keeps one of them open, on which it listens for work (work.ts), and PostgreSQL knows at once when that has ended
 * (docs/decisions/006). So nobody's lease runs out while they live, and nobody waits for one of the dead. An
 * opening also ends after a minute, and a link's claim after 30 s (their stores).
 */

/** Whether the process that a column names has ended. The living are read once in a statement, and only if somebody asks. */
export function hasProcessEnded(column: string): RawBuilder<boolean> {
  return sql<boolean>`${sql.ref(column)} <> all (array(
    select application_name from pg_stat_activity where application_name is not null))`;
}

/** Whether this process may take a row: one that nobody holds, that it holds already, or whose holder has ended. */
export function isFreeFor(processName: string, column: string): RawBuilder<boolean> {
  return sql<boolean>`(${sql.ref(column)} is null or ${sql.ref(column)} = ${processName} or ${hasProcessEnded(column)})`;
}
