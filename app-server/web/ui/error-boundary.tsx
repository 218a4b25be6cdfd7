import { Component, type ReactNode } from "react";
import { texts, useTexts } from "../words/language.tsx";
import { Page } from "./page.tsx";

const words = texts({
  en: { title: "This page stopped working", lead: "Nothing you had saved is lost.", again: "Load it again" },
  nl: {
    title: "Deze pagina doet het niet meer",
    lead: "Niets van wat je had opgeslagen is verloren.",
    again: "Laad haar opnieuw",
  },
});

/** React offers this as a class alone. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { hasFailed: boolean }> {
  override state = { hasFailed: false };

  static getDerivedStateFromError() {
    return { hasFailed: true };
  }

  override render() {
    return this.state.hasFailed ? <Broken /> : this.props.children;
  }
}

function Broken() {
  const text = useTexts(words);
  return (
    <Page title={text.title} lead={text.lead}>
      <button type="button" className="button" onClick={() => location.reload()}>
        {text.again}
      </button>
    </Page>
  );
}
