import { randomId, sha256 } from "@anteroom/shared/runtime/crypto";
import { normalizeEmailAddress } from "@anteroom/shared/wire/email-address";
import type { Transaction } from "kysely";
import { findUser, listAdministrators } from "../accounts/store.ts";
import { logDecision } from "../audit/log-store.ts";
import type { AppContext } from "../context.ts";
import type { AppDatabase } from "../database/tables.ts";
import { type Outcome, type Refusal, refusalOf, refuseWith } from "../outcome.ts";
import { replaceLiveRegistration } from "../registration/ending-store.ts";
import { renewOpening } from "../registration/opening.ts";
import type { RegistrationRequest } from "../registration/rules.ts";
import * as registrations from "../registration/store.ts";
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
  const email = normalizeEmailAddress(request.email);
  const registrationId = randomId();
  const registrationToken = context.handles.registrationToken(registrationId);
  const work = context.db.transaction().execute(async (trx): Promise<Refusal<NotSetUp> | undefined> => {
    const now = context.clock.now();
    // First of all: whoever has no good link is told nothing of the address.
    if (!(await store.takeSetupLink(trx, sha256(setupToken), now))) return refusalOf("setup_link_not_valid");
    const { isUser } = await registrations.findClaimsOnAddress(trx, email, now);
    if (isUser || (await registrations.findForDecision(trx, email))?.state === "OPEN") throw new AddressIsTaken();
    await replaceLiveRegistration(trx, email);
    const registration: registrations.NewRegistration = {
      id: registrationId,
      token_hash: context.handles.hashToken(registrationToken),
      email,
      state: "ACCEPTED",
      approved_at: now,
      grants: ["admin"],
      decided_by: "setup-link",
      decided_at: now,
      created_at: now,
      expires_at: now + context.settings.policy.registrationTtl,
      // Already lapsed: if this process dies now, the recovery opens the sign-up.
      opening_until: now,
    };
    // Else another link was used for the same address at the same moment.
    if (!(await registrations.insertRequest(trx, registration, request))) throw new AddressIsTaken();
    const decision = { actor: "setup-link", action: "grant_permission", detail: "admin" } as const;
    await logDecision(trx, { ...decision, subject: email, registrationId, now });
    await tellAdministrators(context, trx, { ...request, email });
    return undefined;
  });
  const refusal = await work.catch((error: unknown) => {
    if (error instanceof AddressIsTaken) return refusalOf("address_in_use/set_up");
    throw error;
  });
  if (refusal) return refuseWith(refusal);
  context.events.record("authz_change", {
    address: email,
    by: "setup-link",
    action: "grant_permission",
    outcome: "admin",
  });
  await renewOpening(context, registrationId);
  return {
    ok: true,
    values: { message: "A mail with your code is on its way.", registration_token: registrationToken },
  };
}

/** A link may have got into the wrong hands; those who are administrators already can still act. */
async function tellAdministrators(
  context: AppContext,
  trx: Transaction<AppDatabase>,
  { email, firstname, lastname }: RegistrationRequest,
): Promise<void> {
  for (const userId of await listAdministrators(trx, context.clock.now())) {
    const administrator = await findUser(trx, { id: userId });
    if (!administrator) continue;
    const values = { email, firstname, lastname };
    await context.mail.enqueue(trx, { type: "setup_link_used", email: administrator.email, userId, values });
  }
}
