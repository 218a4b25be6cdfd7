import { z } from "zod";
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

const user = z.object({ user_id: opaqueField });
const userWithProof = user.extend(proofField);
const permission = userWithProof.extend({ permission: permissionField });

/** Who decides may be no administrator any more when their turn comes. */
const always = ["missing_permission", "user_not_found"] as const;
const removal = ["last_administrator", "own_account"] as const;

export const peopleContracts = {
  "GET /admin/people/": {
    summary: "People with an account, newest first. `search`: a part of name or address.",
    query: z.object({ search: searchField, after: afterField, limit: limitField }),
    answer: z.object({ rows: z.array(listedPerson), next }),
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
