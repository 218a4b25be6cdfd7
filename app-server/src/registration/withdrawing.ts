import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import type { AppContext } from "../context.ts";
import { type Outcome, type Refusal, refusalOf, refuseWith } from "../outcome.ts";
import { withdraw } from "./ending.ts";
import { guessMailedCode, unknownToken } from "./status.ts";
import * as store from "./store/registrations.ts";

const rejectedAlready = refusalOf("invalid_transition/rejected", { members: { state: "REJECTED" } });

/**
 * The applicant changes their mind. Decoys can be withdrawn too, so that nothing gives them away. What was approved
 * belongs to the owner of the mailbox, who may not be the one who registered: from then on it takes the mailed code.
 */
export async function withdrawRegistration(
  context: AppContext,
  token: string,
  code: string | undefined,
): Promise<Outcome<{ message: string }, NotWithdrawn>> {
  const row = await store.findByToken(context.db, context.credentials.hashToken(token));
  if (!row) return refuseWith(unknownToken);
  if (await withdraw(context, { registrationId: row.id, ending: "withdraw" })) return withdrawn;
  const state = (await store.findById(context.db, row.id))?.state;
  if (state !== "ACCEPTING" && state !== "ACCEPTED" && state !== "OPEN")
    return refuseWith(state === "REJECTED" ? rejectedAlready : unknownToken);
  const refusal = await refuseCode(context, row.email, code);
  if (refusal) return refuseWith(refusal);
  const isWithdrawn = await withdraw(context, { registrationId: row.id, ending: "withdrawByCode" });
  return isWithdrawn ? withdrawn : refuseWith(unknownToken);
}

const withdrawn = { ok: true, values: { message: "Your registration was withdrawn." } } as const;

type WrongCode = "code_needed" | "incorrect_code" | "rate_limited";
type NotWithdrawn = WrongCode | "registration_not_found" | "invalid_transition/rejected";

async function refuseCode(
  context: AppContext,
  email: EmailAddress,
  code: string | undefined,
): Promise<Refusal<WrongCode> | undefined> {
  if (code === undefined) return refusalOf("code_needed");
  const guess = await guessMailedCode(context, email, code);
  if (guess.is === "refused") return guess.refusal;
  return guess.is === "right" ? undefined : refusalOf("incorrect_code");
}
