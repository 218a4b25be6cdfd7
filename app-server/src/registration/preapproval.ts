import { randomId } from "@anteroom/shared/runtime/crypto";
import type { Transaction } from "kysely";
import type { AppContext } from "../context.ts";
import type { AppDatabase } from "../database/tables.ts";
import type { RegistrationRequest } from "./requesting.ts";
import { findForDecision } from "./store/decisions.ts";
import { replaceLiveRegistration } from "./store/endings.ts";
import { findUsesOfAddress, insertRequest } from "./store/registrations.ts";

export interface Preapproval {
  /** The permissions that come with the account. */
  grants: string[];
  /** Who approves. */
  by: string;
  /** Whether its sign-up is opened in any case, by the recovery if not before, or waits for somebody to open it. */
  opening: "due" | "on request";
}

/**
 * An approved registration that nobody asked for, in the place of whatever waits at the address without proof. Its id, or
 * nothing where an account, an open sign-up or another of the same moment holds the address.
 */
export async function preapprove(
  { clock, credentials, settings }: AppContext,
  trx: Transaction<AppDatabase>,
  { email, ...applicant }: RegistrationRequest,
  { grants, by, opening }: Preapproval,
): Promise<string | undefined> {
  const now = clock.now();
  const { isUser } = await findUsesOfAddress(trx, email, now);
  if (isUser || (await findForDecision(trx, email))?.state === "OPEN") return undefined;
  await replaceLiveRegistration(trx, email);
  const id = randomId();
  const isMade = await insertRequest(
    trx,
    {
      id,
      token_hash: credentials.hashToken(credentials.registrationToken(id)),
      email,
      state: "ACCEPTED",
      approved_at: now,
      grants,
      decided_by: by,
      decided_at: now,
      created_at: now,
      expires_at: now + settings.policy.registrationTtl,
      // A lease that has lapsed: if this process dies now, the recovery opens the sign-up.
      ...(opening === "due" ? { opening_until: now } : {}),
    },
    applicant,
  );
  return isMade ? id : undefined;
}
