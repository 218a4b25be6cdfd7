import type { UiWords } from "../en/ui.ts";

export const ui: UiWords = {
  shell: {
    skip: "Naar de inhoud",
    main: "Hoofdmenu",
    signUp: "Account aanvragen",
    signIn: "Inloggen",
    signOut: "Uitloggen",
    notSignedOut: "Je bent nog ingelogd.",
    administration: "Beheer",
    language: "Taal",
    contact: "Contact",
    privacy: "Privacy",
    terms: "Voorwaarden",
  },
  page: {
    loading: "Laden…",
    missing: "Deze pagina bestaat niet",
    missingMore: "Misschien is het adres verkeerd getypt, of is de pagina verhuisd.",
    home: "Naar de startpagina",
    goOn: (host: string) => `Verder naar ${host}`,
    unreachable: "Dit kan nu even niet worden geladen",
    again: "Probeer het opnieuw",
  },
  form: { busy: "Een ogenblik…", slow: "De server doet er lang over. Laat deze pagina nog even open." },
  password: {
    show: "Toon",
    hide: "Verberg",
    showLabel: "Toon het wachtwoord",
    atLeast: (length: number) => `Minstens ${length} tekens.`,
    counted: (has: number, needs: number) => `${has} van ${needs}`,
    hint: "Een paar woorden die alleen voor jou iets betekenen zijn sterk en makkelijk te onthouden. Plakken mag.",
    strength: "Sterkte",
    steps: ["heel makkelijk te raden", "makkelijk te raden", "beter, nog niet goed", "goed", "heel goed"],
  },
  askPassword: {
    why: "Je hebt een tijd geleden ingelogd. Vul je wachtwoord in, zodat we weten dat jij het bent.",
    password: "Je wachtwoord",
    cancel: "Laat maar",
  },
  broken: {
    title: "Deze pagina doet het niet meer",
    lead: "Niets van wat je had opgeslagen is verloren.",
    again: "Laad de pagina opnieuw",
  },
  missingScript: {
    title: "Deze pagina kon niet worden geladen",
    lead: "Er is nu geen verbinding, of er is een nieuwe versie van de site. Wat je had opgeslagen, is er nog.",
    again: "Laad de pagina opnieuw",
  },
  tooMany: (seconds: number) => `Te veel pogingen in korte tijd. Wacht ${waitOf(seconds)} en probeer het dan opnieuw.`,
};

function waitOf(seconds: number): string {
  const minutes = Math.ceil(seconds / 60);
  if (minutes <= 1) return "een minuut";
  if (minutes < 60) return `${minutes} minuten`;
  return minutes === 60 ? "een uur" : `${Math.ceil(minutes / 60)} uur`;
}
