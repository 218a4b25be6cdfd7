interface Site {
  site: string;
  language: string;
  /** Where mails go. */
  mails: "provider" | "files";
  /** How many characters a new password may have; missing while the auth server has not said so. */
  password?: { min: number; max: number };
  /** Written emails are shown at /dev/mailbox. */
  mailbox?: boolean;
  /** Where the operator wants people led to. `contact` is a page or an email address. */
  links: { contact?: string; privacy?: string; terms?: string };
  /** Where people go on to from their account. */
  home?: string;
  /** Whose pages may send people here and have them back. */
  origins: string[];
  /** The form that registers asks for one. `question` is empty where the pages' own words do. */
  message?: { isNeeded: boolean; question: string };
}

/** What the server put into the page. */
function readSite(): Site {
  const content = document.querySelector<HTMLMetaElement>('meta[name="anteroom"]')?.content;
  return content
    ? JSON.parse(content)
    : { site: "Anteroom", language: "en", mails: "provider", links: {}, origins: [] };
}

export const site = readSite();

/** Where administrators are written to, if the operator says it. */
export const contactHref = site.links.contact?.replace(/^(?!https?:)/, "mailto:");
