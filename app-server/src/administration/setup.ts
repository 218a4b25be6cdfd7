import { randomId, sha256 } from "@anteroom/shared/runtime/crypto";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import { makeAdministrator, tellAdministrators } from "../accounts/permissions.ts";
import { logDecision } from "../audit/log-store.ts";
import type { AppContext } from "../context.ts";
import { type Outcome, type Refusal, refusalOf, refuse } from "../outcome.ts";
import { renewOpening } from "../registration/opening.ts";
import { preapprove } from "../registration/preapproval.ts";
import type { RegistrationRequest } from "../registration/requesting.ts";
import * as store from "./setup-store.ts";

/**
 * A link that makes its holder an administrator, once. It opens an approved registration that carries the permission
 * `admin`; address and password are then proven and chosen like everybody's. The token travels behind `#`, which
 * browsers send to no server. A new link ends all others, and so does whoever becomes an administrator.
 *
 * @param purpose a link for the `first` administrator stops working as soon as there is one
 */
export async function createSetupLink(context: AppContext, purpose: "first" | "another"): Promise<string> {
  const token = randomId();
  const expires_at = context.clock.now() + context.settings.policy.setupLinkTtl;
  await store.replaceSetupLinks(context.db, { token_hash: sha256(token), expires_at, only_first: purpose === "first" });
  return `${context.settings.frontendOrigin}/setup#${token}`;
}

/** Thrown to undo everything, so that the link stays good: a mistake does not cost it. */
class AddressIsTaken extends Error {}

type NotSetUp = "setup_link_not_valid" | "address_in_use/set_up";

/** The registration token, unless there is a reason against it. */
export async function setUpAdministrator(
  context: AppContext,
  setupToken: string,
  request: RegistrationRequest,
): Promise<Outcome<{ message: string; registration_token: string }, NotSetUp>> {
  const { email } = request;
  const work = context.db.transaction().execute(async (trx): Promise<string | undefined> => {
    const now = context.clock.now();
    // First of all: whoever has no good link is told nothing of the address.
    if (!(await store.takeSetupLink(trx, sha256(setupToken), now))) return undefined;
    const id = await preapprove(context, trx, request, { grants: ["admin"], by: "setup-link", opening: "due" });
    if (id === undefined) throw new AddressIsTaken();
    const decision = { actor: "setup-link", action: "grant_permission", detail: "admin" } as const;
    await logDecision(trx, { ...decision, subject: email, registrationId: id, now });
    // A link may have got into the wrong hands; those who are administrators already can still act.
    const { firstname, lastname } = request;
    await tellAdministrators(context, trx, { type: "setup_link_used", values: { email, firstname, lastname } });
    return id;
  });
  const registrationId = await work.catch((error: unknown) => {
    if (error instanceof AddressIsTaken) return error;
    throw error;
  });
  if (registrationId instanceof AddressIsTaken) return refuse("address_in_use/set_up");
  if (registrationId === undefined) return refuse("setup_link_not_valid");
  context.events.record("authz_change", {
    address: email,
    by: "setup-link",
    action: "grant_permission",
    outcome: "admin",
  });
  await renewOpening(context, registrationId);
  const registration_token = context.credentials.registrationToken(registrationId);
  return { ok: true, values: { message: "A mail with your code is on its way.", registration_token } };
}

/** For the command line, whose user owns the machine anyway. */
export async function grantAdmin(
  context: AppContext,
  email: EmailAddress,
): Promise<Refusal<"user_not_found/address"> | undefined> {
  const actor = "cli";
  const made = await context.db.transaction().execute(async (trx) => {
    const user = await makeAdministrator(context, trx, { email, actor });
    if (user) await store.endSetupLinks(trx);
    return user;
  });
  if (!made) return refusalOf("user_not_found/address", { values: { email } });
  context.events.record("authz_change", { user: made.userId, by: actor, action: "grant_permission", outcome: "admin" });
  return undefined;
}
