import { Page } from "../components/page.tsx";

export function AdminPages() {
  return <Page title="Administration" />;
}
