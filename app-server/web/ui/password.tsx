import { useEffect, useState } from "react";
import { site } from "../api/site.ts";
import { useWords } from "../words/language.tsx";
import { uiWords } from "../words/ui.ts";
import { type Failure, Field } from "./form.tsx";

interface PasswordProps {
  label: string;
  value: string;
  onValue: (value: string) => void;
  name?: string;
  failure?: Failure | undefined;
  /** `new`: with a hint and a meter. `context` holds words that the meter counts as known. `repeat`: the same again. */
  kind: "current" | "new" | "repeat";
  context?: string[];
}

export function PasswordField({ name = "password", kind, context = [], ...props }: PasswordProps) {
  const [isShown, setShown] = useState(false);
  const text = useWords(uiWords).password;
  const length = lengthOf(props.value);
  return (
    <Field
      {...props}
      name={name}
      type={isShown ? "text" : "password"}
      autoComplete={kind === "current" ? "current-password" : "new-password"}
      autoCapitalize="none"
      spellCheck={false}
      required
      inside={
        <button
          type="button"
          className="field-button"
          aria-pressed={isShown}
          aria-label={text.showLabel}
          onClick={() => setShown(!isShown)}
        >
          {isShown ? text.hide : text.show}
        </button>
      }
      hint={
        kind === "new" && (
          <>
            <Strength password={props.value} context={context} />
            <p>
              {site.password && (
                <>
                  <strong>{text.atLeast(site.password.min)}</strong>{" "}
                  {length < site.password.min && `${text.counted(length, site.password.min)}. `}
                </>
              )}
              {text.hint}
            </p>
          </>
        )
      }
    />
  );
}

/** Where the server has not said so. */
const longest = 256;

/** What can be told of a new password without asking. */
export function findPasswordFault(password: string): Failure | undefined {
  const { min, max } = site.password ?? { min: 0, max: longest };
  const length = lengthOf(password);
  if (length > max) return { error: "password_too_long", field: "password", number: max };
  return length < min ? { error: "password_too_short", field: "password", number: min } : undefined;
}

/** In code points, as the auth server counts them. */
function lengthOf(password: string): number {
  return [...password.normalize("NFC")].length;
}

/** What a password that would not be taken scores at most: that it is long enough is part of being good. */
const weakest = 1;

/** How hard a password is to guess, 0 to 4. The word lists are large and are fetched when somebody begins to type. */
function Strength({ password, context }: { password: string; context: string[] }) {
  const [score, setScore] = useState<number>();
  const { strength, steps } = useWords(uiWords).password;
  const known = context.join("\n");
  useEffect(() => {
    if (password === "") {
      setScore(undefined);
      return;
    }
    let isCurrent = true;
    import("./strength.ts")
      .then(({ scoreOf }) => scoreOf(password, known.split("\n").filter(Boolean)))
      .then((result) => isCurrent && setScore(findPasswordFault(password) ? Math.min(result, weakest) : result))
      .catch(() => undefined);
    return () => {
      isCurrent = false;
    };
  }, [password, known]);
  if (score === undefined) return null;
  return (
    <div className="strength">
      <meter
        className={`strength-${score}`}
        // Even the worst is a little of something, or it would look as if nothing had been measured.
        min={-1}
        max={4}
        low={2}
        high={3}
        optimum={4}
        value={score}
        aria-label={strength}
      />
      <span aria-live="polite">{`${strength}: ${steps[score]}`}</span>
    </div>
  );
}
