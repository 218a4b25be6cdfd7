import { equalInConstantTime, randomId } from "@anteroom/shared/runtime/crypto";
import { type Cause, currentRequest } from "@anteroom/shared/runtime/http/request-scope";
import { type EmailAddress, normalizeEmailAddress } from "@anteroom/shared/wire/email-address";
import type { AuthError } from "@anteroom/shared/wire/faroe";
import { endLeftSession, holdAnswer, type ReasonOf, refused, takeStep, whyRefused } from "../auth-server/as-visitor.ts";
import { guessCode } from "../code-guesses.ts";
import type { AppContext } from "../context.ts";
import {
  type Outcome,
  type Refusal,
  type Refused,
  refusalOf,
  refuse,
  refuseWith,
  tooManyRequests,
} from "../outcome.ts";
import * as store from "./link-store.ts";

/**
 * New passwords by a mailed link. The auth server mails the temporary password before it returns its token, so the link is
 * made first, with a token of this server's own, behind which the auth server's is kept sealed. For an address without an
 * account everything happens in the same way but for the mail.
 */

/** Milliseconds after which whoever names an address alone is answered, whatever was found: more than any needs. */
const linkAnswerAfter = 160;

export type NotMailed = ReasonOf<"busy" | AuthError<"create_user_password_reset">>;

/**
 * For a visitor: known and unknown addresses are told the same, at the same time. Who holds a link that has expired need
 * not know its address.
 */
export async function requestPasswordLink(
  context: AppContext,
  to: { email: string } | { token: string },
): Promise<Refusal<NotMailed | "link_not_valid"> | undefined> {
  const startedAt = Date.now();
  const address = "email" in to ? to.email : (await findExpired(context, to.token))?.email;
  const refusal =
    address === undefined ? refusalOf("link_not_valid") : await sendPasswordLink(context, address, "link");
  await holdAnswer(linkAnswerAfter, startedAt);
  // The caller's own requests are counted before (limits.linksPerCaller). When others had many mails sent, the link that
  // was mailed last works; whether there is one is nobody's to know.
  return refusal?.reason === "rate_limited" ? undefined : refusal;
}

/**
 * Mails a link by which whoever reads it chooses a new password; links mailed before no longer work. Undefined when that
 * is done, and likewise when the address has no account. While another request for the address is under way it stands for
 * a visitor's too. For what the site sends it does not: it may be a stranger's, and refused.
 *
 * @param cause a visitor who asked for it; unless told it is an administrator or this server
 */
export async function sendPasswordLink(
  context: AppContext,
  address: string,
  cause: Cause = "site",
): Promise<Refusal<NotMailed> | undefined> {
  const { db, credentials } = context;
  const link = newLink(context, address);
  if (!(await store.claimLink(db, link))) return cause === "site" ? tooManyRequests(1) : undefined;
  const reset = await createReset(context, link, cause);
  if (!reset.ok) {
    await store.deleteLink(db, link.id);
    // Faroe itself tells unknown and disabled addresses; this server does not.
    return ["user_not_found", "user_disabled"].includes(reset.error) ? undefined : whyRefused(reset.error);
  }
  const { user_password_reset: shown, user_password_reset_token: token } = reset.values;
  await store.openLink(db, link, {
    sealedToken: credentials.sealAuthToken(link.id, String(token)),
    expiresAt: (shown as { expires_at: number }).expires_at,
  });
  return undefined;
}

async function createReset(context: AppContext, link: store.NewLink, cause: Cause) {
  try {
    return await takeStep(context, "create_user_password_reset", { user_email_address: link.email }, cause);
  } catch (error) {
    await store.deleteLink(context.db, link.id);
    throw error;
  }
}

/** Until it is known when the auth server's part ends. */
const whileUnderWay = 600;

function newLink({ credentials, clock, processName }: AppContext, address: string): store.NewLink {
  const id = randomId();
  const email = address.trim();
  const now = clock.now();
  return {
    id,
    token_hash: credentials.hashToken(credentials.linkToken(id)),
    kind: "password_reset",
    email,
    email_norm: normalizeEmailAddress(email),
    opened_by: processName,
    request_id: currentRequest()?.id ?? null,
    created_at: now,
    expires_at: now + whileUnderWay,
  };
}

type NotUsed = "link_not_valid" | "link_superseded";

/** Whose password the link is for and until when, for as long as it is good. Changes nothing. */
export async function readPasswordLink(
  context: AppContext,
  token: string,
): Promise<Outcome<{ email: string; expires_at: number }, NotUsed | "link_expired" | "auth_server_unavailable">> {
  const link = await findByToken(context, token);
  if (!link) return refuseWith(await whyNot(context, token));
  const named = { user_password_reset_token: tokenOf(context, link) };
  const reset = await takeStep(context, "get_user_password_reset", named);
  if (!reset.ok) return endOrRefuse(context, link, reset.error);
  return { ok: true, values: { email: link.email, expires_at: link.expires_at } };
}

/** Whoever opens the older of two mails is sent to the newer one: asking again would end that one too. */
async function whyNot(context: AppContext, token: string): Promise<Refusal<NotUsed | "link_expired">> {
  return (await findExpired(context, token)) ? refusalOf("link_expired") : whyNotUsed(context, token);
}

async function whyNotUsed(context: AppContext, token: string): Promise<Refusal<NotUsed>> {
  const isOlder = await store.isSuperseded(context.db, "password_reset", context.credentials.hashToken(token));
  return refusalOf(isOlder ? "link_superseded" : "link_not_valid");
}

export interface PasswordChoice {
  /** How the link is found: by what it carries, or by the address when the code was typed. */
  by: { token: string } | { email: EmailAddress };
  code: string;
  password: string;
}

/**
 * Sets the password, once. All sessions end and none is opened: whoever chose the password signs in with it. After a wrong
 * code or a password that is refused the link still works.
 */
export async function choosePassword(context: AppContext, { by, code, password }: PasswordChoice): Promise<Chosen> {
  const shown =
    "token" in by ? await showCodeOfLink(context, by.token, code) : await showTypedCode(context, by.email, code);
  return shown.ok ? setPassword(context, shown.values, password) : shown;
}

type NotShown =
  | NotUsed
  | "incorrect_code"
  | "incorrect_code/address"
  | ReasonOf<"busy" | AuthError<"verify_user_password_reset_temporary_password">>;

type Shown = Outcome<store.AccountLink, NotShown>;

type Chosen = Outcome<
  { userId: string | undefined },
  | NotShown
  | ReasonOf<AuthError<"set_user_password_reset_new_password">>
  | ReasonOf<AuthError<"complete_user_password_reset">>
>;

async function showCodeOfLink(context: AppContext, token: string, code: string): Promise<Shown> {
  const link = await findByToken(context, token);
  if (!link) return refuseWith(await whyNotUsed(context, token));
  const refusal = await showCode(context, link, code, "link");
  return refusal ? refuseWith(refusal) : { ok: true, values: link };
}

/**
 * Links are sent to accounts without having been asked for, too, so whether there is one tells of an account. A guess is
 * therefore paid for here, before anything is looked at, and the auth server's own limits are not told.
 */
async function showTypedCode(context: AppContext, email: EmailAddress, code: string): Promise<Shown> {
  const startedAt = Date.now();
  const guess = await guessCode(context, `link to ${email}`, async () => {
    const link = await findByAddress(context, email);
    const refusal = link ? await showCode(context, link, code) : refusalOf("incorrect_code");
    if (link && !refusal) return { ok: true, values: link } satisfies Shown;
    return refusal?.reason === "auth_server_unavailable" ? (refuseWith(refusal) satisfies Shown) : undefined;
  });
  if (guess.is === "right" && guess.value.ok) return guess.value;
  await holdAnswer(linkAnswerAfter, startedAt);
  if (guess.is === "right") return guess.value;
  return guess.is === "refused" ? refuseWith(guess.refusal) : refuse("incorrect_code/address");
}

async function setPassword(context: AppContext, link: store.AccountLink, password: string): Promise<Chosen> {
  const named = { user_password_reset_token: tokenOf(context, link) };
  const set = await takeStep(context, "set_user_password_reset_new_password", { ...named, password });
  if (!set.ok) return endOrRefuse(context, link, set.error);
  const completed = await takeStep(context, "complete_user_password_reset", named);
  if (!completed.ok && completed.error !== "session_not_created") return endOrRefuse(context, link, completed.error);
  await store.deletePasswordLinks(context.db, link.email_norm);
  if (!completed.ok) return { ok: true, values: { userId: undefined } };
  await endLeftSession(context, String(completed.values.session_token));
  return { ok: true, values: { userId: (completed.values.session as { user_id: string }).user_id } };
}

/**
 * The auth server counts guesses until one was right. After that it looks at none, so they are counted here.
 *
 * @param cause given when the link itself was shown: its guesses count for it, not for the caller's address
 */
async function showCode(
  context: AppContext,
  link: store.AccountLink,
  code: string,
  cause?: Cause,
): Promise<Refusal<NotShown> | undefined> {
  const args = { user_password_reset_token: tokenOf(context, link), temporary_password: code };
  const verified = await takeStep(context, "verify_user_password_reset_temporary_password", args, cause);
  if (verified.ok) return undefined;
  if (verified.error !== "user_first_factor_already_verified")
    return (await endOrRefuse(context, link, verified.error)).refusal;
  const guess = await guessCode(context, link.id, async () => isRight(context, link, code) || undefined);
  if (guess.is === "refused") return guess.refusal;
  return guess.is === "right" ? undefined : refusalOf("incorrect_code");
}

/** The code was shown before, and yet must be shown each time. */
function isRight({ credentials }: AppContext, link: store.AccountLink, code: string): boolean {
  const mac = credentials.codeMac(link.id, code);
  return equalInConstantTime(mac, link.code_mac ?? Buffer.alloc(mac.length));
}

async function endOrRefuse<Code extends string>(
  context: AppContext,
  link: store.AccountLink,
  error: Code,
): Promise<Refused<ReasonOf<Code>>> {
  if (error === "invalid_user_password_reset_token") await store.deleteLink(context.db, link.id);
  return refused(error);
}

function findByToken({ db, credentials, clock }: AppContext, token: string) {
  return store.findLink(db, "password_reset", { tokenHash: credentials.hashToken(token) }, clock.now());
}

function findExpired({ db, credentials, clock }: AppContext, token: string) {
  return store.findExpired(db, "password_reset", credentials.hashToken(token), clock.now());
}

function findByAddress({ db, clock }: AppContext, email: EmailAddress) {
  return store.findLink(db, "password_reset", { email }, clock.now());
}

function tokenOf({ credentials }: AppContext, link: store.AccountLink): string {
  if (!link.auth_token) throw new Error("A password link lacks the auth server's token.");
  return credentials.unsealAuthToken(link.id, link.auth_token);
}
