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
    return this.state.hasFailed ? <LoadAgain why="broken" /> : this.props.children;
  }
}

/** Instead of a page that is not to be had as it is. */
export function LoadAgain({ why }: { why: "broken" | "missingScript" }) {
  const text = useWords(uiWords)[why];
  return (
    <Page title={text.title} lead={text.lead}>
      <p>
        <button type="button" className="button" onClick={() => location.reload()}>
          {text.again}
        </button>
      </p>
    </Page>
  );
}
