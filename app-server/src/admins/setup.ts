import { randomId, sha256 } from "@anteroom/shared/runtime/crypto";
import { normalizeEmailAddress } from "@anteroom/shared/wire/email-address";
import type { AppContext } from "../context.ts";
import { type Problem, problem } from "../problems.ts";
import { renewOpening } from "../registration/opening.ts";
import type { RegistrationRequest } from "../registration/rules.ts";
import * as registrations from "../registration/store.ts";
import { logDecision } from "./log-store.ts";
import * as store from "./store.ts";

/**
 * A link that makes its holder an administrator, once. It opens an approved registration that carries the permission
 * `admin`; address and password are then proven and chosen like everybody's. The token travels behind `#`, which
 * browsers send to no server.
 */
export async function createSetupLink(context: AppContext): Promise<string> {
  const token = randomId();
  const expiresAt = context.clock.now() + context.settings.policy.setupLinkTtl;
  await store.insertSetupLink(context.db, sha256(token), expiresAt);
  return `${context.settings.frontendOrigin}/setup#${token}`;
}

/** Thrown to undo everything, so that the link stays good: a mistake does not cost it. */
class AddressIsTaken extends Error {}

export type SetupResult = { ok: true; registrationToken: string } | { ok: false; problem: Problem };

export async function setUpAdministrator(
  context: AppContext,
  setupToken: string,
  request: RegistrationRequest,
): Promise<SetupResult> {
  const email = normalizeEmailAddress(request.email);
  const registrationId = randomId();
  const registrationToken = context.handles.registrationToken(registrationId);
  const work = context.db.transaction().execute(async (trx): Promise<Problem | undefined> => {
    const now = context.clock.now();
    // First of all: whoever has no good link is told nothing of the address.
    if (!(await store.takeSetupLink(trx, sha256(setupToken), now))) return linkNotValid;
    const { isUser } = await registrations.findClaimsOnAddress(trx, email, now);
    if (isUser || (await registrations.findForDecision(trx, email))?.state === "OPEN") throw new AddressIsTaken();
    await registrations.replaceLiveRegistration(trx, email);
    const registration: registrations.NewRegistration = {
      id: registrationId,
      token_hash: context.handles.hashToken(registrationToken),
      email,
      state: "ACCEPTED",
      accepted: true,
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
    return undefined;
  });
  const refusal = await work.catch((error: unknown) => {
    if (error instanceof AddressIsTaken) return addressInUse;
    throw error;
  });
  if (refusal) return { ok: false, problem: refusal };
  context.events.record("authz_change", {
    address: email,
    by: "setup-link",
    action: "grant_permission",
    outcome: "admin",
  });
  await renewOpening(context, registrationId);
  return { ok: true, registrationToken };
}

const addressInUse = problem(
  409,
  "address_in_use",
  "This address has an account or an open sign-up already. Take another one, or grant that account the permission " +
    "with: npm run admin -- grant-admin ADDRESS",
);

const linkNotValid = problem(
  410,
  "setup_link_not_valid",
  "This link was used already or is too old. Make a new one with: npm run admin -- setup-link",
);
