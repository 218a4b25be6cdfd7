interface Site {
  site: string;
  language: string;
  /** The form that registers asks for one. `question` is empty where the pages' own words do. */
  message?: { isNeeded: boolean; question: string };
}

/** What the server put into the page. */
function readSite(): Site {
  const content = document.querySelector<HTMLMetaElement>('meta[name="anteroom"]')?.content;
  return content ? JSON.parse(content) : { site: "Anteroom", language: "en" };
}

export const site = readSite();
