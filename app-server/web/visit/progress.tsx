import { useWords } from "../words/language.tsx";
import { visitWords } from "../words/visit.ts";

/** Where somebody who signs up is on their way. `at` counts from 0. */
export function Progress({ at }: { at: 0 | 1 | 2 }) {
  const text = useWords(visitWords).progress;
  return (
    <ol className="progress" aria-label={text.label}>
      {text.steps.map((step, index) => (
        <li key={step} className={index < at ? "done" : ""} {...(index === at ? { "aria-current": "step" } : {})}>
          {index < at && <span className="hidden">{text.done}</span>}
          {step}
        </li>
      ))}
    </ol>
  );
}
