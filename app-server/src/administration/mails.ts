import { isMailId } from "@anteroom/shared/wire/app/mail";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import { logDecision } from "../audit/log-store.ts";
import type { AppContext } from "../context.ts";
import * as store from "../mail/admin-store.ts";
import { mailKinds } from "../mail/kinds.ts";
import { tryFor } from "../mail/send/schedule.ts";
import { makeDue, type StoredMail } from "../mail/store.ts";
import { clearSuppression } from "../mail/suppression-store.ts";
import { codeOf, type Refused, refuse } from "../outcome.ts";
import { type Decided, type NotResent, resendSignupEmail } from "../registration/decisions.ts";
import { sendCode } from "../registration/opening.ts";

/** What an administrator may do about mails. */

type Replay = Decided<"mail_not_found" | "invalid_transition/mail" | "address_suppressed" | "code_gone" | NotResent>;

/** Sends a mail once more that was given up or came back. */
export async function replayMail(context: AppContext, id: string, actor: string): Promise<Replay> {
  const mail = isMailId(id) ? await store.findForReplay(context.db, id, context.clock.now()) : undefined;
  if (!mail) return refuse("mail_not_found");
  const { status } = mail;
  if (status !== "failed" && status !== "bounced") return notGivenUp(status);
  if (mail.is_suppressed) return refuse("address_suppressed", { values: { email: mail.email } });
  const { code } = mailKinds[mail.type];
  if (code?.opens === "registration") return mailCodeAnew(context, mail, actor);
  if (code) return refuse("code_gone");
  const isQueued = await context.db.transaction().execute(async (trx) => {
    const now = context.clock.now();
    if (!(await store.requeue(trx, id, { now, tryUntil: now + tryFor }))) return false;
    const whose = { subject: mail.email_norm, userId: mail.user_id, registrationId: mail.registration_id };
    await logDecision(trx, { actor, action: "replay_mail", ...whose, detail: mail.type, now });
    return true;
  });
  return isQueued ? { ok: true, values: { message: `The mail to ${mail.email} is queued.` } } : notGivenUp("queued");
}

function notGivenUp(status: string): Refused<"invalid_transition/mail"> {
  return refuse("invalid_transition/mail", { values: { status }, members: { state: status } });
}

/** A new mail with a code that works takes the place of those that did not arrive. */
async function mailCodeAnew(
  context: AppContext,
  mail: Pick<StoredMail, "type" | "email" | "email_norm">,
  actor: string,
): Promise<Decided<NotResent>> {
  const result = await resendSignupEmail(context, mail.email_norm, actor, sendCode);
  if (result.ok) await store.deleteReplaced(context.db, mail);
  return result;
}

/** As many as are looked at in one go. */
const replayedAtOnce = 10_000;

export interface Replayed {
  queued: number;
  /** Per error code how many were not, and stay where they are. */
  refused: Record<string, number>;
}

/** Sends everything once more that was given up or came back. */
export async function replayAll(context: AppContext, actor: string): Promise<Replayed> {
  const replayed: Replayed = { queued: 0, refused: {} };
  for (const id of await store.listGivenUp(context.db, replayedAtOnce)) {
    const result = await replayMail(context, id, actor);
    if (result.ok) replayed.queued++;
    // Another of this person's was replayed just now, and this one replaced with it.
    else if (result.refusal.reason !== "mail_not_found") {
      const code = codeOf(result.refusal);
      replayed.refused[code] = (replayed.refused[code] ?? 0) + 1;
    }
  }
  return replayed;
}

/** Tries everything at once that waits for its next try. Returns how many that are. */
export function retryDeferred(context: AppContext): Promise<number> {
  return makeDue(context.db, "always");
}

/** Lets mails go to an address again that came back so often that nothing was sent there any more. */
export async function clearAddress(
  context: AppContext,
  email: EmailAddress,
  actor: string,
): Promise<Decided<"address_not_suppressed">> {
  const isCleared = await context.db.transaction().execute(async (trx) => {
    if (!(await clearSuppression(trx, email))) return false;
    await logDecision(trx, { actor, action: "clear_address", subject: email, now: context.clock.now() });
    return true;
  });
  if (isCleared) return { ok: true, values: { message: `Mails go to ${email} again.` } };
  return refuse("address_not_suppressed", { values: { email } });
}
