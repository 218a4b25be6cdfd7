import type { MailStatus, MailSummary } from "@anteroom/shared/wire/app/mail";
import { adminWords } from "../words/admin.ts";
import { useFormats, useWords } from "../words/language.tsx";

const looks: Record<MailStatus, string> = {
  queued: "badge",
  accepted: "badge badge-good",
  deferred: "badge badge-warn",
  failed: "badge badge-bad",
  bounced: "badge badge-bad",
};

/** What became of a mail, in one word among other mails and in a sentence beside a person. */
export function MailBadge({ status, length = "long" }: { status: MailStatus; length?: "long" | "short" }) {
  const text = useWords(adminWords).mailState;
  return <span className={looks[status]}>{length === "long" ? text.states[status] : text.short[status]}</span>;
}

/** Names what a mail is about; what this page has no words for, as the server calls it. */
export function useMailType(): (type: string) => string {
  const types: Record<string, string> = useWords(adminWords).mailState.types;
  return (type) => types[type] ?? type;
}

/** With what the provider said, where that explains anything. */
export function MailNote({ mail }: { mail: MailSummary }) {
  const text = useWords(adminWords).mailState;
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
