import { type EmailRequest, formatTimestamp, isEmailType } from "@anteroom/shared/wire/email";
import { type EmailAddress, normalizeEmailAddress } from "@anteroom/shared/wire/email-address";
import type { Transaction } from "kysely";
import { oweLink, takeLink } from "../accounts/link-store.ts";
import { findUser } from "../accounts/store.ts";
import type { AppContext } from "../context.ts";
import type { AppDatabase } from "../database/tables.ts";
import { isSwitchable, mailKinds } from "../mail/kinds.ts";
import { isSwitchedOff } from "../mail/opt-out/preference-store.ts";
import { markMailed } from "../registration/store/openings.ts";

/** Reads the body of `POST /email`. Texts and a time; unknown members are ignored. */
export function readEmailRequest(body: unknown): EmailRequest | string {
  const given = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  if (!given.type || !given.email) return "Missing type or email";
  if (!isEmailType(given.type)) return `Unknown type: ${String(given.type).slice(0, 60)}`;
  const isText = (value: unknown) => typeof value === "string" && value.length <= 1_000 && !/\p{Cc}/u.test(value);
  const wrong = ["email", "displayName", "code", "timestamp", "newEmail"].find(
    (name) => given[name] !== undefined && !isText(given[name]),
  );
  if (wrong) return `${wrong} is not a text of one line`;
  if (given.expiresAt !== undefined && !Number.isSafeInteger(given.expiresAt)) return "expiresAt is not a time";
  return given as unknown as EmailRequest;
}

/**
 * Takes a mail from the auth server. This runs inside create_signup, while its token does not exist yet: the link is
 * made with the registration's own token, found by address. One transaction; when it is committed the mail will go out
 * whatever happens, and SMTP is spoken later by the worker.
 *
 * @param requestId of the request that caused it, if the auth server names it
 */
export async function takeMail(
  context: AppContext,
  request: EmailRequest,
  requestId: string | undefined,
): Promise<void> {
  const { type, code, expiresAt } = request;
  const email = normalizeEmailAddress(request.email);
  if (isSwitchable(type) && (await isSwitchedOff(context.db, { email, type }, context.settings.policy))) return;
  await context.db.transaction().execute(async (trx) => {
    const registrationId =
      mailKinds[type].code?.opens === "registration"
        ? await markMailed(trx, email, { now: context.clock.now(), expiresAt })
        : undefined;
    const linkId = code ? await takeLinkFor(context, trx, { ...request, email, code, requestId }) : undefined;
    const userId = await findMover(trx, request);
    if (type === "password_locked") await oweLink(trx, email, context.clock.now());
    await context.mail.enqueue(trx, {
      type,
      email: request.email.trim(),
      ...(userId ? { userId } : {}),
      ...(code ? { code } : {}),
      codeExpiresAt: expiresAt,
      ...(registrationId ? { registrationId } : {}),
      ...(linkId ? { linkId } : {}),
      values: valuesOf(request),
    });
  });
}

/** Whoever has just left the address that this mail goes to. */
async function findMover(trx: Transaction<AppDatabase>, { type, newEmail }: EmailRequest): Promise<string | undefined> {
  if (type !== "email_updated" || !newEmail) return undefined;
  return (await findUser(trx, { email: normalizeEmailAddress(newEmail) }))?.id;
}

/** The same for links that members asked this server for; none for those who asked the auth server by themselves. */
async function takeLinkFor(
  { credentials, clock }: AppContext,
  trx: Transaction<AppDatabase>,
  { type, email, code, requestId }: EmailRequest & { email: EmailAddress; code: string; requestId: string | undefined },
): Promise<string | undefined> {
  const kind = mailKinds[type].code?.opens;
  if (kind === undefined || kind === "registration") return undefined;
  const macOf = (id: string) => credentials.codeMac(id, code);
  return takeLink(trx, { kind, email, requestId, macOf }, clock.now());
}

const shown = ["displayName", "timestamp", "newEmail"] as const satisfies (keyof EmailRequest)[];

function valuesOf(request: EmailRequest): Record<string, string> {
  const { expiresAt } = request;
  return {
    ...Object.fromEntries(shown.flatMap((name) => (request[name] ? [[name, request[name]]] : []))),
    // To the minute.
    ...(expiresAt === undefined ? {} : { until: formatTimestamp(expiresAt).slice(0, -3) }),
  };
}
