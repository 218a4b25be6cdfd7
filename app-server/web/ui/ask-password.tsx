import { useEffect, useRef, useState } from "react";
import { useWords } from "../words/language.tsx";
import { uiWords } from "../words/ui.ts";
import { type Failure, Form, useSubmission } from "./form.tsx";
import { PasswordField } from "./password.tsx";

interface AskProps {
  /** What is done with it. */
  action: string;
  onPassword: (password: string) => Promise<Failure | undefined>;
  onCancel: () => void;
}

/** For what an open browser alone does not do. */
export function AskPassword({ action, onPassword, onCancel }: AskProps) {
  const text = useWords(uiWords).askPassword;
  const [password, setPassword] = useState("");
  const submission = useSubmission(() => onPassword(password));
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.querySelector("input")?.focus(), []);
  return (
    <div className="inset" ref={box}>
      <Form
        submission={submission}
        action={action}
        more={
          <button type="button" className="link-button" onClick={onCancel}>
            {text.cancel}
          </button>
        }
      >
        <p role="status">{text.why}</p>
        <PasswordField
          label={text.password}
          value={password}
          onValue={setPassword}
          failure={submission.failure}
          kind="current"
        />
      </Form>
    </div>
  );
}

/** A wrong password is the field's fault; anything else concerns the whole. */
export function atPassword(failure: Failure): Failure {
  return failure.error === "incorrect_password" ? { error: failure.error, field: "password" } : failure;
}
