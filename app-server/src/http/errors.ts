import { currentRequest } from "@anteroom/shared/runtime/http/request-scope";
import type { Problem, Reason } from "@anteroom/shared/wire/app/errors";
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { codeOf, type Refusal } from "../outcome.ts";

/** What the source document has in `error` when no sign-up was opened, whatever the reason. */
const notOpened = { error: "Faroe signup failed" };

/** Members of an answer that are always the same. */
type Fixed = Pick<Problem, "hint"> & { error?: string };

/** Every refusal: with which status it is answered, and in which words. `{name}` stands for one of its values. */
const errors: Record<Reason, [status: ContentfulStatusCode, detail: string, fixed?: Fixed]> = {
  address_in_use: [409, "An account has this address meanwhile, so the request is over.", notOpened],
  "address_in_use/change": [409, "This address cannot be used. Take another one."],
  "address_in_use/own_request": [409, "An account has this address meanwhile, so your request is over."],
  "address_in_use/set_up": [
    409,
    "This address has an account or an open sign-up already. Take another one, or grant that account the permission with: npm run admin -- grant-admin ADDRESS",
  ],
  address_not_suppressed: [404, "No mail to {email} has come back."],
  address_suppressed: [409, "Nothing is sent to {email} since its mails came back. Clear it first."],
  address_unchanged: [422, "This is the address of your account already."],
  admin_not_grantable: [
    403,
    "Cannot add admin permission",
    { hint: "Administrators are made with: npm run admin -- grant-admin ADDRESS" },
  ],
  already_registered: [400, "User with e-mail already exists in {table} table"],
  another_person_signed_in: [409, "Somebody else is signed in in this browser now. Nothing was changed."],
  auth_server_unavailable: [503, "Signing in and signing up are not available just now. Try again in a minute."],
  batch_not_found: [404, "There is no such batch of decisions."],
  body_too_large: [413, "{detail}"],
  code_gone: [409, "Its code is gone; the person can ask for a new one."],
  code_needed: [403, "This registration was approved: withdrawing it takes the mailed code."],
  cookie_not_kept: [
    403,
    "Browsers keep no cookie of this server for a page of another site: serve the page from the same site, or use session tokens (docs/embedding.md).",
  ],
  database_unavailable: [503, "Nothing can be looked up or changed just now. Try again in a minute."],
  email_address_not_allowed: [409, "No account can be opened for this address.", notOpened],
  "email_address_not_allowed/change": [422, "This address cannot be used here."],
  incorrect_code: [422, "This code is not right."],
  "incorrect_code/address": [
    422,
    "This code is not right for this address, or wrong ones were tried too often. The link in the mail works without the address.",
  ],
  incorrect_password: [403, "This password is not right."],
  internal_conflict: [409, "Something else changed at the same time. Try again."],
  internal_error: [500, "Something went wrong on our side. Try again later."],
  invalid_field: [422, "{detail}"],
  invalid_origin: [403, "Invalid origin!"],
  "invalid_origin/mailbox": [403, "The mailbox is there for localhost only."],
  invalid_password_length: [422, "This password cannot be used. Choose another one."],
  invalid_request: [400, "Invalid request: the body must be a JSON object."],
  "invalid_request/action": [400, "There is no such action with these arguments."],
  invalid_session: [401, "Invalid session"],
  invalid_transition: [409, "A registration that is {state} cannot be {verb}."],
  "invalid_transition/disabled": [409, "This account is disabled already."],
  "invalid_transition/disabled_first": [409, "This account is disabled. Enable it first."],
  "invalid_transition/made": [
    409,
    "This was begun already. If it is approved, the approval can be withdrawn where the approved are listed.",
  ],
  "invalid_transition/mail": [409, "A mail that is {status} is not sent again."],
  "invalid_transition/not_disabled": [409, "This account is not disabled."],
  "invalid_transition/rejected": [409, "This registration was decided against already."],
  last_administrator: [409, "This is the last administrator. Make somebody else one first."],
  "last_administrator/self": [409, "You are the last administrator. Make somebody else one before you go."],
  link_expired: [404, "This link has expired. A new one can be sent to the same address."],
  link_not_valid: [404, "This link has expired or was used already."],
  link_superseded: [404, "There is a newer mail with a link like this one. Use that."],
  mail_not_found: [404, "There is no such mail."],
  method_not_allowed: [405, "This is done with another method."],
  missing_field: [400, "Missing {fields}."],
  missing_permission: [403, "Missing permissions: admin"],
  no_session: [401, "Unauthorized: No session"],
  not_found: [404, "There is nothing here."],
  "not_found/session": [404, "This session has ended already."],
  not_supported: [501, "The auth server of this site does not list sessions. A new password ends all of them."],
  own_account: [409, "This is your own account. Another administrator can do this."],
  password_locked: [403, "Wrong passwords were tried too often. Choose a new one by a mailed link."],
  password_needed: [403, "Type your password: you showed it some time ago."],
  "password_needed/signed_in": [403, "Type your password: you signed in some time ago."],
  rate_limited: [429, "Too many requests. Wait a moment and try again."],
  "rate_limited/opening": [429, "Too many requests. Wait a moment and try again.", notOpened],
  registration_changed: [409, "The registration changed meanwhile. Look at it again and decide anew."],
  registration_not_accepted: [400, "Registration not accepted"],
  registration_not_found: [404, "Registration token not found"],
  "registration_not_found/address": [404, "There is no registration of {email}."],
  "registration_not_found/newusers": [400, "Email {email} not found in newuser table"],
  registration_rejected: [409, "This registration was rejected. Reopen it first."],
  resend_failed: [400, "The code could not be sent again."],
  setup_link_not_valid: [
    410,
    "This link was used already or is too old. Make a new one with: npm run admin -- setup-link",
  ],
  signup_failed: [500, "Faroe signup failed"],
  signup_not_found: [404, "No signup token found for {email}"],
  signup_outcome_unknown: [
    500,
    "Faroe signup failed",
    {
      hint: "No answer came in time. Within a minute the acceptance is completed or undone by itself; look again then.",
    },
  ],
  unsubscribe_link_not_valid: [400, "This link is incomplete or was changed."],
  user_not_found: [404, "There is no user with this id."],
  "user_not_found/address": [404, "There is no user with the address {email}."],
  weak_password: [422, "This password cannot be used. Choose another one."],
};

/** Seconds after which somebody else's outage may be over. */
const outageRetryAfter = 5;

export function statusOf(reason: Reason): ContentfulStatusCode {
  return errors[reason][0];
}

/** What is said of a refusal, to programs and to people. */
export function describeRefusal(refusal: Refusal): Pick<Problem, "code" | "detail" | "error"> & Partial<Problem> {
  const [, , fixed] = errors[refusal.reason];
  const detail = detailOf(refusal);
  return { code: codeOf(refusal), detail, error: detail, ...fixed, ...refusal.members };
}

function detailOf({ reason, values = {} }: Refusal): string {
  return errors[reason][1].replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`What is said of ${reason} names ${name}, which is not there.`);
    return value;
  });
}

/**
 * RFC 9457 `application/problem+json`. `code` is stable and meant for programs; `error` is the same text as `detail`, for
 * callers that know the Dodeka backend; `request_id` leads to its log lines.
 */
export function answerRefusal(context: Context, refusal: Refusal, headers: Record<string, string> = {}): Response {
  const status = statusOf(refusal.reason);
  const said = describeRefusal(refusal);
  const retryAfter = refusal.retryAfter ?? (status === 503 ? outageRetryAfter : undefined);
  context.set("problem", said.code);
  const body = { type: "about:blank", status, request_id: currentRequest()?.id, ...said };
  return context.json(body, status, {
    "content-type": "application/problem+json",
    ...(retryAfter === undefined ? {} : { "retry-after": String(Math.max(1, Math.ceil(retryAfter))) }),
    ...headers,
  });
}
