import { Component, type ReactNode } from "react";
import { useWords } from "../words/language.tsx";
import { uiWords } from "../words/ui.ts";
import { Page } from "./page.tsx";

interface BoundaryProps {
  /** The page's address: what failed there says nothing of another page. */
  place: string;
  children: ReactNode;
}

/** React offers this as a class alone. */
export class ErrorBoundary extends Component<BoundaryProps, { hasFailed: boolean }> {
  override state = { hasFailed: false };

  static getDerivedStateFromError() {
    return { hasFailed: true };
  }

  override componentDidUpdate({ place }: BoundaryProps) {
    if (place !== this.props.place && this.state.hasFailed) this.setState({ hasFailed: false });
  }

  override render() {
    return this.state.hasFailed ? <Broken /> : this.props.children;
  }
}

function Broken() {
  const text = useWords(uiWords).broken;
  return (
    <Page title={text.title} lead={text.lead}>
      <LoadAgain label={text.again} />
    </Page>
  );
}

export function LoadAgain({ label }: { label: string }) {
  return (
    <p>
      <button type="button" className="button" onClick={() => location.reload()}>
        {label}
      </button>
    </p>
  );
}
