import { randomId } from "@anteroom/shared/runtime/crypto";
import { takeToken } from "@anteroom/shared/runtime/rate-limits";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import type { Language } from "@anteroom/shared/wire/languages";
import type { Transaction } from "kysely";
import type { AppContext } from "../context.ts";
import type { AppDatabase } from "../database/tables.ts";
import { limits } from "../limits.ts";
import type { MailRequest } from "../mail/request.ts";
import { missingFields, type Outcome, refuse } from "../outcome.ts";
import { approvalRequests, listToldOfEach } from "./approvers.ts";
import * as store from "./store/registrations.ts";

/** Somebody asks for an account. */

export interface RegistrationRequest {
  email: EmailAddress;
  firstname: string;
  lastname: string;
  /** Undefined: the site's. */
  language?: Language | undefined;
  /** To those who decide. */
  message?: string | undefined;
  /** Random, the client's own: a request that is repeated with it is the same request. */
  requestKey?: string | undefined;
}

/**
 * Every kind of address takes the same statements. What is left, the rows they store, is covered by an answer that waits
 * until this many milliseconds have passed.
 */
const answerAfter = 40;

/** Further milliseconds for every administrator who is told, known address or not. */
const answerAfterPerApprover = 5;

/**
 * Registers a person who now waits for a decision. For an address that is a user's, already waiting or was rejected
 * lately the answer looks the same and carries the token of a decoy, which behaves like a registration that waits;
 * a user is told by mail, once a day at most. A further request for a waiting address is shown beside the first to
 * administrators, who may approve either, and takes its place should the first end: who came first may be anybody.
 */
export async function requestRegistration(
  context: AppContext,
  { message: written, ...request }: RegistrationRequest,
): Promise<Outcome<{ message: string; registration_token: string }, "already_registered" | "missing_field">> {
  const startedAt = Date.now();
  const asking = context.settings.policy.message;
  if (asking === "required" && !written) return missingFields(["message"]);
  const person = { ...request, message: asking === "off" ? undefined : written };
  const approvers = await listToldOfEach(context);
  const outcome = await context.db.transaction().execute((trx) => register(context, trx, person, approvers));
  const answerAt = startedAt + answerAfter + answerAfterPerApprover * approvers.length;
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, answerAt - Date.now())));
  if (outcome.duplicate) return refuse("already_registered", { values: { table: outcome.duplicate } });
  const message = "Your registration waits for an administrator. You will get a mail when it was approved.";
  const registration_token = context.credentials.registrationToken(outcome.registrationId);
  return { ok: true, values: { message, registration_token } };
}

async function register(
  context: AppContext,
  trx: Transaction<AppDatabase>,
  person: RegistrationRequest,
  approvers: readonly string[],
) {
  const now = context.clock.now();
  const { policy } = context.settings;
  const registrationId = idOf(context, person);
  // Whose answer got lost asks once more and is answered as before.
  if (person.requestKey !== undefined && (await store.findById(trx, registrationId))) return { registrationId };
  const row = {
    id: registrationId,
    token_hash: context.credentials.hashToken(context.credentials.registrationToken(registrationId)),
    email: person.email,
    created_at: now,
    expires_at: now + policy.registrationTtl,
  };
  const known = await store.findUsesOfAddress(trx, person.email, now - policy.rejectCooldown);
  const isFree = !known.isUser && !known.isRejected && !known.isWaiting;
  // Of several at the same moment one is first.
  const isFirst = isFree && (await store.insertRequest(trx, { ...row, state: "REQUESTED" }, person));
  if (!isFirst && policy.duplicateReply === "dodeka_400")
    return { registrationId, duplicate: known.isUser ? "user" : "newuser" };
  if (!isFirst) await store.insertRequest(trx, { ...row, state: "DECOY" }, person);
  const mayHint = await takeToken(trx, limits.hintsPerAddress, hintKey(person.email, known.isUser), now);
  if (isFirst) await context.mail.enqueueAll(trx, approvalRequests(approvers, person));
  else await context.mail.enqueueAll(trx, known.isUser && mayHint ? [hint(person, known.isDisabled)] : []);
  return { registrationId };
}

/** Only users get hints; the others' bucket is one that nothing depends on. */
function hintKey(email: EmailAddress, isUser: unknown): string {
  return isUser ? email : `no user ${email}`;
}

/** Whose account is closed can neither sign in nor have a new password: they are not sent round in circles. */
function hint({ email }: RegistrationRequest, isClosed: unknown): MailRequest {
  return { type: isClosed ? "closed_account_hint" : "registration_hint", email, values: {} };
}

function idOf({ credentials }: AppContext, { email, requestKey }: RegistrationRequest): string {
  return requestKey === undefined ? randomId() : credentials.requestId(email, requestKey);
}
