import { texts, useTexts } from "../words/language.tsx";

const words = texts({
  en: { label: "Your way to an account", done: "done: ", steps: ["Ask", "Wait", "Activate"] },
  nl: { label: "Je weg naar een account", done: "gedaan: ", steps: ["Vraag", "Wacht", "Activeer"] },
});

/** Where somebody who signs up is on their way. `at` counts from 0. */
export function Progress({ at }: { at: 0 | 1 | 2 }) {
  const text = useTexts(words);
  return (
    <ol className="progress" aria-label={text.label}>
      {text.steps.map((step, index) => (
        <li key={step} className={index <= at ? "reached" : ""} {...(index === at ? { "aria-current": "step" } : {})}>
          {index < at && <span className="hidden">{text.done}</span>}
          {step}
        </li>
      ))}
    </ol>
  );
}
