import type { Language } from "@anteroom/shared/wire/languages";
import type { PasswordLengths } from "../auth-server/client.ts";
import { escapeHtml } from "../html.ts";
import type { SiteLinks } from "../settings.ts";

/** What search engines, previews of links and browsers are told of a page before any script runs. */
interface PublicPage {
  title: Record<Language, string>;
  description: (site: string) => Record<Language, string>;
}

/** Pages that strangers may find. What is not here belongs to one person, and stays out of search engines. */
const publicPages: Record<string, PublicPage> = {
  "/": {
    title: { en: "Welcome", nl: "Welkom" },
    description: (site) => ({
      en: `${site}: ask for an account, or sign in to yours.`,
      nl: `${site}: vraag een account aan, of log in op dat van jou.`,
    }),
  },
  "/account/login": {
    title: { en: "Sign in", nl: "Inloggen" },
    description: (site) => ({
      en: `Sign in to your account at ${site}, or choose a new password.`,
      nl: `Log in op je account bij ${site}, of kies een nieuw wachtwoord.`,
    }),
  },
  "/account/register": {
    title: { en: "Ask for an account", nl: "Vraag een account aan" },
    description: (site) => ({
      en: `Ask for an account at ${site}. Somebody looks at every request.`,
      nl: `Vraag een account aan bij ${site}. Iemand bekijkt elke aanvraag.`,
    }),
  },
};

export interface Site {
  name: string;
  language: Language;
  origin: string;
  /** In the footer. `contact` is a page or an email address. */
  links: SiteLinks;
  /** Whether written emails are shown as a page. */
  mailbox: boolean;
  /** Where people go on to from their account. */
  home?: string;
  /** Whose pages may send people here and have them back. */
  origins: readonly string[];
  /** The form that registers asks for a message; an empty question stands for the pages' own. */
  message?: { isNeeded: boolean; question: string };
  /** Where mails go: the pages say `taken by their provider` of none that is written to a file. */
  mails: "provider" | "files";
  /** How long a new password may be, where the auth server has said so. */
  password?: PasswordLengths | undefined;
}

/** `path` is undefined where there is no page. */
export function headOf(path: string | undefined, { name, language, origin }: Site): string {
  const page = path === undefined ? undefined : publicPages[path];
  if (!page) return `<title>${escapeHtml(name)}</title>\n    <meta name="robots" content="noindex">`;
  const title = `${page.title[language]} – ${name}`;
  const description = page.description(name)[language];
  return [
    `<title>${escapeHtml(title)}</title>`,
    tag("name", "description", description),
    tag("property", "og:type", "website"),
    tag("property", "og:site_name", name),
    tag("property", "og:title", title),
    tag("property", "og:description", description),
    tag("property", "og:url", `${origin}${path}`),
    tag("property", "og:image", `${origin}/web/icon-512.png`),
  ].join("\n    ");
}

function tag(kind: "name" | "property", key: string, content: string): string {
  return `<meta ${kind}="${key}" content="${escapeHtml(content)}">`;
}

/** Pages of one person, links from emails and what is not a page at all. */
export const robots = [
  "User-agent: *",
  ...["/account$", "/account/signup", "/account/recover", "/admin", "/setup", "/mail/", "/dev/"].map(
    (path) => `Disallow: ${path}`,
  ),
  "",
].join("\n");

export function manifestOf(name: string) {
  return {
    name,
    short_name: name,
    start_url: "/",
    display: "minimal-ui",
    background_color: "#f7f5f1",
    theme_color: "#1f5f5b",
    icons: [
      { src: "/web/icon.svg", sizes: "any", type: "image/svg+xml" },
      { src: "/web/icon-512.png", sizes: "512x512", type: "image/png" },
    ],
  };
}
