import { type QueryCreator, type RawBuilder, sql } from "kysely";
import { decidedColumns, noteDecision } from "../audit/log-store.ts";
import type { AppDatabase } from "../database/tables.ts";
import {
  endedStates,
  liveStates,
  type MoveName,
  type RegistrationState,
  type StateRules,
  states,
  transitions,
} from "./states.ts";

/** The statements that follow from the table of states. */

/** `column in (…)`, spelled out so that PostgreSQL recognises the condition of an index. */
export function isIn(names: readonly RegistrationState[], column = "state"): RawBuilder<boolean> {
  return sql<boolean>`${sql.ref(column)} in (${sql.join(names.map((name) => sql.lit(name)))})`;
}

export const isLive = isIn(liveStates);

export const hasEnded = isIn(endedStates);

/**
 * The `UPDATE` of a transition. Rows in none of the states that it starts from are not changed. If the new state is an approved
 * one, `approved_at` is set too.
 */
export function move(db: QueryCreator<AppDatabase>, name: MoveName) {
  const { from, to } = transitions[name];
  return db
    .updateTable("registration_state")
    .set({ state: to, ...approvalIn(to) })
    .where("state", "in", [...from]);
}

export type Moving = ReturnType<typeof move>;

/**
 * For an update that also changes rows which it does not move: the columns that move those in one of the transition's states for
 * which the condition holds, and leave the others.
 */
export function moveIf(name: MoveName, condition: RawBuilder<boolean> = sql<boolean>`true`) {
  const { from, to } = transitions[name];
  const mayMove = sql<boolean>`${isIn(from)} and (${condition})`;
  const { approved_at } = approvalIn(to);
  return {
    mayMove,
    columns: {
      state: sql<RegistrationState>`case when ${mayMove} then ${sql.lit(to)} else state end`,
      ...(approved_at && {
        approved_at: sql<number | null>`case when ${mayMove} then ${approved_at} else approved_at end`,
      }),
    },
  };
}

/** An approval counts from when the administrator decided. That its sign-up is opened again does not change it. */
function approvalIn(state: RegistrationState) {
  const rules: StateRules = states[state];
  if (rules.isApproved !== true) return {};
  return { approved_at: sql<number | null>`coalesce(approved_at, decided_at, created_at)` };
}

/** What the log needs of a row that was moved, and whether the approval is new: it is noted once. */
export const movedColumns = [
  ...decidedColumns,
  "approved_at",
  sql<boolean>`approved_at is not null and old.approved_at is null`.as("is_approved_now"),
] as const;

type Noting = { [Name in MoveName]: (typeof transitions)[Name] extends { notes: string } ? Name : never }[MoveName];

/** The entry in the log for those whom a part of the statement returned as `moved`. */
export function noteMove(name: Noting) {
  const { notes } = transitions[name];
  return noteDecision(notes, "moved", notes === "accept" ? sql<boolean>`is_approved_now` : sql<boolean>`true`);
}

/** A transition with its entry in the log, in one statement. */
export function moveAndNote(db: QueryCreator<AppDatabase>, name: Noting, update: (moving: Moving) => Moving) {
  return db
    .with("moved", (with_) => update(move(with_, name)).returning(movedColumns))
    .with("noted", () => noteMove(name));
}
