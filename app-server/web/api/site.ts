interface Site {
  site: string;
  language: string;
  /** Where mails go. */
  mails: "provider" | "files";
  /** How many characters a new password may have; missing while the auth server has not said so. */
  password?: { min: number; max: number };
  /** The form that registers asks for one. `question` is empty where the pages' own words do. */
  message?: { isNeeded: boolean; question: string };
}

/** What the server put into the page. */
function readSite(): Site {
  const content = document.querySelector<HTMLMetaElement>('meta[name="anteroom"]')?.content;
  return content ? JSON.parse(content) : { site: "Anteroom", language: "en", mails: "provider" };
}

export const site = readSite();
