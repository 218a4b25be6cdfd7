import type { MailStatus, MailSummary } from "@anteroom/shared/wire/app/mail";
import { site } from "../api/site.ts";
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
  const word = useMailState(length);
  return <span className={looks[status]}>{word(status)}</span>;
}

/** The one word for a state, wherever it is named. Where mails are written to files, no provider has taken any. */
export function useMailState(length: "long" | "short" = "short"): (status: MailStatus) => string {
  const { states, short } = useWords(adminWords).mailState;
  const words = length === "long" ? states : short;
  return (status) => words[status === "accepted" && site.mails === "files" ? "written" : status];
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
