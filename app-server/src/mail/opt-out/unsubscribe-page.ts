import { createHash } from "node:crypto";
import type { SwitchableMailType } from "@anteroom/shared/wire/app/accounts";
import type { Language } from "@anteroom/shared/wire/languages";
import { html, raw } from "hono/html";
import { mailKinds } from "../kinds.ts";

/** What the page behind an unsubscribe link tells: what holds, and whether that is news. */
export type UnsubscribeState = "on" | "switchedOff" | "switchedOn" | "off" | "notValid";

interface Wording {
  title: string;
  /** Given when such a mail comes. */
  text: (occasion: string) => string;
  /** What the button does next, if there is one. */
  button?: { preference: "on" | "off"; label: string };
}

const mandatory: Record<Language, string> = {
  en: "Emails about the safety of your account, such as a changed password, always come.",
  nl: "Mails over de veiligheid van je account, zoals bij een gewijzigd wachtwoord, krijg je altijd.",
};

const switchOff = { en: "Switch off", nl: "Uitschakelen" };
const switchOn = { en: "Switch on again", nl: "Weer inschakelen" };

const wordings: Record<Language, Record<UnsubscribeState, Wording>> = {
  en: {
    on: {
      title: "Switch these emails off?",
      text: (occasion) => `You get an email ${occasion}. Nothing changes until you press the button.`,
      button: { preference: "off", label: switchOff.en },
    },
    switchedOff: {
      title: "Switched off",
      text: (occasion) =>
        `You no longer get an email ${occasion}. Changed your mind? Switch it on again, here or in your account.`,
      button: { preference: "on", label: switchOn.en },
    },
    off: {
      title: "These emails are off",
      text: (occasion) => `You get no email ${occasion}. You can switch it on again, here or in your account.`,
      button: { preference: "on", label: switchOn.en },
    },
    switchedOn: {
      title: "Switched on",
      text: (occasion) => `You get an email again ${occasion}.`,
      button: { preference: "off", label: switchOff.en },
    },
    notValid: {
      title: "This link does not work",
      text: () =>
        "It is incomplete, or was changed on its way. Open it from the email once more, or choose your emails in your account.",
    },
  },
  nl: {
    on: {
      title: "Deze mails uitschakelen?",
      text: (occasion) => `Je krijgt een mail ${occasion}. Er verandert niets tot je op de knop drukt.`,
      button: { preference: "off", label: switchOff.nl },
    },
    switchedOff: {
      title: "Uitgeschakeld",
      text: (occasion) =>
        `Je krijgt geen mail meer ${occasion}. Toch liever wel? Schakel het weer in, hier of in je account.`,
      button: { preference: "on", label: switchOn.nl },
    },
    off: {
      title: "Deze mails staan uit",
      text: (occasion) => `Je krijgt geen mail ${occasion}. Je kunt het weer inschakelen, hier of in je account.`,
      button: { preference: "on", label: switchOn.nl },
    },
    switchedOn: {
      title: "Ingeschakeld",
      text: (occasion) => `Je krijgt weer een mail ${occasion}.`,
      button: { preference: "off", label: switchOff.nl },
    },
    notValid: {
      title: "Deze link werkt niet",
      text: () =>
        "Hij is niet compleet, of onderweg veranderd. Open hem nog eens vanuit de mail, of kies je mails in je account.",
    },
  },
};

const style = `
:root { color-scheme: light dark; --page: #f4f5f7; --card: #fff; --text: #1c2430; --quiet: #5b6676; --line: #dfe3e8; --accent: #1f5f8b; --on-accent: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --page: #12161c; --card: #1b2129; --text: #e8ecf1; --quiet: #a3aebb; --line: #2d3642; --accent: #7cbce8; --on-accent: #0d1b26; }
}
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--page); color: var(--text); font: 1rem/1.6 system-ui, sans-serif; }
main { width: 100%; max-width: 30rem; padding: clamp(1.5rem, 6vw, 2.5rem); background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.site { margin: 0 0 1.25rem; color: var(--quiet); font-size: .9rem; }
h1 { margin: 0 0 .75rem; font-size: 1.5rem; line-height: 1.25; letter-spacing: -.01em; }
p { margin: 0 0 1rem; }
.quiet { color: var(--quiet); font-size: .9rem; margin: 1.5rem 0 0; }
button { font: inherit; font-weight: 600; padding: .65rem 1.25rem; border: 0; border-radius: 8px; background: var(--accent); color: var(--on-accent); cursor: pointer; }
button:hover { filter: brightness(1.1); }
button:focus-visible { outline: 3px solid var(--text); outline-offset: 2px; }
`;

/** Lets the page's own style in, its own form, and nothing else. */
export const unsubscribePagePolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** A page that works without a script. The form posts to the page's own address, which carries the token. */
export function renderUnsubscribePage(page: {
  state: UnsubscribeState;
  type?: SwitchableMailType;
  language: Language;
  siteName: string;
}) {
  const { title, text, button } = wordings[page.language][page.state];
  return html`<!doctype html>
<html lang="${page.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} · ${page.siteName}</title>
<style>${raw(style)}</style>
</head>
<body>
<main>
<p class="site">${page.siteName}</p>
<h1>${title}</h1>
<p>${text(page.type ? mailKinds[page.type].choice.occasion[page.language] : "")}</p>
${button ? html`<form method="post"><button name="preference" value="${button.preference}">${button.label}</button></form>` : ""}
${page.type ? html`<p class="quiet">${mandatory[page.language]}</p>` : ""}
</main>
</body>
</html>`;
}
