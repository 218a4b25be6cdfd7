import { z } from "zod";
import { anActor } from "./actors.ts";
import { done, doneWithMessage, next, time } from "./answers.ts";
import type { Contracts } from "./contract.ts";
import { afterField, limitField, opaqueField, permissionField, proofField, searchField } from "./fields.ts";
import { mailSummary } from "./mail.ts";

/** For administrators who look after accounts. */

const listedPerson = z
  .object({
    user_id: z.string(),
    email: z.string(),
    firstname: z.string(),
    lastname: z.string(),
    permissions: z.array(z.string()),
    disabled: z.boolean(),
    created_at: time,
    mail: mailSummary.nullable().describe("The newest mail to the address."),
  })
  .meta({ id: "Person" });

export type ListedPerson = z.output<typeof listedPerson>;

export const peopleKinds = ["closed", "administrators"] as const;

export type PeopleKind = (typeof peopleKinds)[number];

const peopleFilter = z.object({
  search: searchField,
  only: z.enum(peopleKinds, `Use one of ${peopleKinds.join(", ")}.`).optional(),
});

const held = z.object({
  permission: z.string(),
  granted_by: z.string().describe(anActor),
  granted_by_name: z.string().nullable(),
  granted_at: time,
  expires_at: time.nullable().describe("Null: it does not lapse."),
});

export type HeldPermission = z.output<typeof held>;

/** What is known of one person, who has an account or has asked for one. */
const personFacts = z
  .object({
    user_id: z.string().nullable().describe("Null for whoever has no account."),
    state: z.string().nullable().describe("Of the registration of whoever has no account."),
    email: z.string(),
    firstname: z.string(),
    lastname: z.string(),
    disabled: z.boolean(),
    created_at: time.describe("When the account was made, or asked for."),
    permissions: z.array(held),
    approved: z
      .object({ by: z.string().describe(anActor), by_name: z.string().nullable(), at: time })
      .nullable()
      .describe("The approval, as long as the log keeps it."),
    known_permissions: z.array(z.string()).describe("Those that anybody holds, but for `admin`."),
  })
  .meta({ id: "PersonFacts" });

export type PersonFacts = z.output<typeof personFacts>;

const user = z.object({ user_id: opaqueField });
const userWithProof = user.extend(proofField);
const permission = userWithProof.extend({ permission: permissionField });

/** Who decides may be no administrator any more when their turn comes. */
const always = ["missing_permission", "user_not_found"] as const;
const removal = ["last_administrator", "own_account"] as const;

export const peopleContracts = {
  "GET /admin/people/": {
    summary:
      "People with an account, newest first. `search`: a part of name or address; `only`: those that are closed, or administrators.",
    query: peopleFilter.extend({ after: afterField, limit: limitField }),
    answer: z.object({
      rows: z.array(listedPerson),
      next,
      total: z.int().nullable().describe("How many there are, with the first page; null with the others."),
    }),
  },
  "GET /admin/people/export/": {
    summary: "The same as a table for spreadsheets (CSV), all of them.",
    query: peopleFilter,
    answer: "table",
  },
  "GET /admin/person/": {
    summary: "One person, by the id of the user or of the registration.",
    query: z.object({ id: opaqueField }),
    answer: personFacts,
    errors: ["user_not_found"],
  },
  "POST /admin/disable_user/": {
    summary: "Close an account until it is enabled again; its sessions end at once.",
    body: userWithProof,
    answer: doneWithMessage,
    errors: [...always, ...removal, "invalid_transition/disabled"],
  },
  "POST /admin/enable_user/": {
    summary: "Open a disabled account again.",
    body: userWithProof,
    answer: doneWithMessage,
    errors: [...always, "invalid_transition/not_disabled"],
  },
  "POST /admin/end_sessions/": {
    summary: "Sign a person out everywhere, at once.",
    body: user,
    answer: doneWithMessage,
    errors: always,
  },
  "POST /admin/send_reset_link/": {
    summary: "Mail a person a link by which they choose a new password.",
    body: userWithProof,
    answer: doneWithMessage,
    errors: [
      ...always,
      "invalid_transition/disabled_first",
      "internal_conflict",
      "rate_limited",
      "email_address_not_allowed/change",
    ],
  },
  "POST /admin/delete_user/": {
    summary: "Delete an account for good; its sessions end at once.",
    body: userWithProof,
    answer: doneWithMessage,
    errors: [...always, ...removal],
  },
  "POST /admin/add_permission/": {
    summary: "Grant a permission. `member` lapses after a year; `admin` is granted elsewhere.",
    body: permission,
    answer: done,
    errors: ["admin_not_grantable", "user_not_found"],
  },
  "POST /admin/remove_permission/": {
    summary: "Take a permission away; it is gone with the next request.",
    body: permission,
    answer: done,
    errors: ["admin_not_grantable", "user_not_found"],
  },
} as const satisfies Contracts;
