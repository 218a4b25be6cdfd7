/** What the server put into the page. */
function readSite(): { site: string; language: string } {
  const content = document.querySelector<HTMLMetaElement>('meta[name="anteroom"]')?.content;
  return content ? JSON.parse(content) : { site: "Anteroom", language: "en" };
}

export const site = readSite();
