import type { SessionInfo } from "@anteroom/shared/wire/app/session";
import { useState } from "react";
import { app, auth, fromCookie, queries } from "../api/client.ts";
import { isAnswerLost } from "../api/errors.ts";
import { type Failure, FailureNote, Form, useSubmission } from "../ui/form.tsx";
import { findPasswordFault, PasswordField } from "../ui/password.tsx";
import { accountWords } from "../words/account.ts";
import { useWords } from "../words/language.tsx";
import { sessionsQuery } from "./queries.ts";
import { Done, focusSection, Section } from "./section.tsx";

type User = SessionInfo["user"];

export function AccountPassword({ user, title }: { user: User; title: string }) {
  const text = useWords(accountWords).password;
  const [isChanged, setChanged] = useState(false);
  return (
    <Section id="password" title={title} lead={text.lead}>
      <Done>{isChanged && text.changed}</Done>
      {!isChanged && (
        <details className="more">
          <summary>{text.change}</summary>
          <ChangePassword
            user={user}
            onChanged={() => {
              setChanged(true);
              focusSection("password");
            }}
          />
        </details>
      )}
      <SendLink email={user.email} />
    </Section>
  );
}

function ChangePassword({ user, onChanged }: { user: User; onChanged: () => void }) {
  const text = useWords(accountWords).password;
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [again, setAgain] = useState("");
  const submission = useSubmission(async (): Promise<Failure | undefined> => {
    const fault = findPasswordFault(next);
    if (fault) return fault;
    if (next !== again) return { error: "passwords_differ", field: "again" };
    const failure = await changePassword(current, next);
    if (failure) return failure;
    await queries.refetchQueries({ queryKey: sessionsQuery.queryKey });
    onChanged();
    return undefined;
  });
  const { failure } = submission;
  return (
    <Form submission={submission} action={text.action}>
      <input type="email" name="email" value={user.email} autoComplete="username" readOnly hidden />
      <PasswordField
        label={text.current}
        name="current"
        value={current}
        onValue={setCurrent}
        failure={failure}
        kind="current"
      />
      <PasswordField
        label={text.next}
        value={next}
        onValue={setNext}
        failure={failure}
        kind="new"
        context={[user.email, user.firstname, user.lastname]}
      />
      <PasswordField label={text.again} name="again" value={again} onValue={setAgain} failure={failure} kind="repeat" />
    </Form>
  );
}

async function changePassword(current: string, next: string): Promise<Failure | undefined> {
  const begun = await auth.create_user_password_update({ session_token: fromCookie });
  if (!begun.ok) return begun;
  const { user_password_update_token } = begun.values;
  const named = { session_token: fromCookie, user_password_update_token };
  const verified = await auth.verify_user_password_update_user_password({ ...named, password: current });
  if (!verified.ok)
    return verified.error === "incorrect_password" ? { error: verified.error, field: "current" } : verified;
  const set = await auth.set_user_password_update_new_password({ ...named, password: next });
  if (!set.ok)
    return set.error === "weak_password" || set.error === "invalid_password_length"
      ? { error: set.error, field: "password" }
      : set;
  const completed = await auth.complete_user_password_update(named);
  if (completed.ok) return undefined;
  return isAnswerLost(completed.error) ? { error: "answer_lost" } : completed;
}

/** The same mail as for whoever has forgotten it. */
function SendLink({ email }: { email: string }) {
  const text = useWords(accountWords).password;
  const [outcome, setOutcome] = useState<Failure | "sent">();
  const send = async () => {
    const result = await app("POST /account/request_password_link", { email });
    setOutcome(result.ok ? "sent" : result);
  };
  return (
    <div className="aside">
      <p>
        {text.forgotten}{" "}
        <button type="button" className="link-button" onClick={() => void send()}>
          {text.send}
        </button>
      </p>
      <Done>{outcome === "sent" && text.sent(email)}</Done>
      <div role="alert">{outcome && outcome !== "sent" && <FailureNote failure={outcome} />}</div>
    </div>
  );
}
