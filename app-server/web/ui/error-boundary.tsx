import { Component, type ReactNode } from "react";
import { useWords } from "../words/language.tsx";
import { uiWords } from "../words/ui.ts";
import { Page } from "./page.tsx";

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
  const text = useWords(uiWords).broken;
  return (
    <Page title={text.title} lead={text.lead}>
      <button type="button" className="button" onClick={() => location.reload()}>
        {text.again}
      </button>
    </Page>
  );
}
