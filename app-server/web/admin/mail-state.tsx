import type { MailState, MailSummary } from "@anteroom/shared/wire/app";
import { texts, useFormats, useTexts } from "../words/language.tsx";

export const mailWords = texts({
  en: {
    states: {
      queued: "Mail waits to be sent",
      accepted: "Mail taken by their provider",
      deferred: "Mail delayed, will be tried again",
      failed: "Mail could not be delivered",
      bounced: "Mail came back",
    } as Record<MailState, string>,
    short: {
      queued: "waiting",
      accepted: "taken",
      deferred: "delayed",
      failed: "failed",
      bounced: "came back",
    } as Record<MailState, string>,
    types: {
      signup_verification: "Code to activate the account",
      email_update_verification: "Code for a new address",
      password_reset: "Code for a new password",
      password_updated: "Password was changed",
      email_updated: "Address was changed",
      account_ready: "Account is ready",
      registration_rejected: "Request was not accepted",
      registration_hint: "Hint about an existing account",
      closed_account_hint: "Hint about a closed account",
      setup_link_used: "A setup link was used",
      password_locked: "Password guessed at too often",
      signin_notification: "New sign-in",
      notices_off: "Notices of sign-ins are off",
      reset_link_sent: "An administrator sent a link",
      approval_request: "Somebody waits for a decision",
    } as Record<string, string>,
    next: (when: string) => `Next try ${when}.`,
  },
  nl: {
    states: {
      queued: "Mail wacht op verzending",
      accepted: "Mail aangenomen door hun provider",
      deferred: "Mail vertraagd, wordt opnieuw geprobeerd",
      failed: "Mail kon niet bezorgd worden",
      bounced: "Mail kwam terug",
    },
    short: {
      queued: "wacht",
      accepted: "aangenomen",
      deferred: "vertraagd",
      failed: "mislukt",
      bounced: "kwam terug",
    },
    types: {
      signup_verification: "Code om het account te activeren",
      email_update_verification: "Code voor een nieuw adres",
      password_reset: "Code voor een nieuw wachtwoord",
      password_updated: "Wachtwoord is veranderd",
      email_updated: "Adres is veranderd",
      account_ready: "Account is klaar",
      registration_rejected: "Aanvraag is niet aangenomen",
      registration_hint: "Hint over een bestaand account",
      closed_account_hint: "Hint over een gesloten account",
      setup_link_used: "Er is een installatielink gebruikt",
      password_locked: "Wachtwoord te vaak geraden",
      signin_notification: "Nieuwe aanmelding",
      notices_off: "Mails over aanmeldingen staan uit",
      reset_link_sent: "Een beheerder stuurde een link",
      approval_request: "Iemand wacht op een beslissing",
    },
    next: (when: string) => `Volgende poging ${when}.`,
  },
});

const looks: Record<MailState, string> = {
  queued: "badge",
  accepted: "badge badge-good",
  deferred: "badge badge-warn",
  failed: "badge badge-bad",
  bounced: "badge badge-bad",
};

/** What became of a mail, in one word among other mails and in a sentence beside a person. */
export function MailBadge({ status, length = "long" }: { status: MailState; length?: "long" | "short" }) {
  const text = useTexts(mailWords);
  return <span className={looks[status]}>{length === "long" ? text.states[status] : text.short[status]}</span>;
}

/** With what the provider said, where that explains anything. */
export function MailNote({ mail }: { mail: MailSummary }) {
  const text = useTexts(mailWords);
  const formats = useFormats();
  const isTrouble = mail.status !== "accepted" && mail.status !== "queued";
  return (
    <>
      <MailBadge status={mail.status} />
      {isTrouble && (
        <p className="row-reason">
          {mail.reason && <q>{mail.reason}</q>} {mail.next_try_at && text.next(formats.ago(mail.next_try_at))}
        </p>
      )}
    </>
  );
}
