import { readWayOn } from "../api/way-on.ts";
import { useWords } from "../words/language.tsx";
import { uiWords } from "../words/ui.ts";

/** To where somebody was sent from, or to the site's home, if there is either. */
export function WayOn() {
  const text = useWords(uiWords).page;
  const wayOn = readWayOn();
  if (!wayOn) return null;
  return (
    <p>
      <a href={wayOn} className="button quiet">
        {text.goOn(new URL(wayOn).host)}
      </a>
    </p>
  );
}
