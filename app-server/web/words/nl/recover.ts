import type { RecoverWords } from "../en/recover.ts";

export const recover: RecoverWords = {
  title: "Kies een nieuw wachtwoord",
  lead: "Geef het adres van je account. Als er een is, gaat er een mail met een link naartoe.",
  over: "Deze link is verlopen of al gebruikt. Vraag hier een nieuwe aan.",
  newer: "Er is een nieuwere mail",
  newerLead: "Daarin staat een eigen link, en die werkt. Open de nieuwste mail die je kreeg.",
  expired: "Deze link is verlopen",
  expiredLead: "Links werken maar korte tijd. Eén druk op de knop, en er gaat een nieuwe naar hetzelfde adres.",
  renew: "Stuur me een nieuwe link",
  renewed: "Een nieuwe link is onderweg naar hetzelfde adres. De oude werkt niet meer.",
  otherAddress: "Gebruik een ander adres",
  email: "E-mailadres",
  ask: "Stuur me een link",
  sentTitle: "Kijk in je mailbox",
  sentLead: (address: string) =>
    `Als er een account met het adres ${address} is, is een mail met een link daarheen onderweg. Je kunt hem op elk apparaat openen.`,
  sentMore:
    "Na een paar minuten nog geen mail? Kijk in je spammap, en of het adres klopt. Bij een aanvraag die nog wacht, hoort nog geen wachtwoord: je krijgt een mail zodra die is goedgekeurd.",
  typed: "Liever de code uit de mail intypen",
  code: "Code uit de mail",
  newTitle: "Je nieuwe wachtwoord",
  newLead: (address: string) => `Kies het voor ${address}. Daarna ben je overal uitgelogd.`,
  password: "Nieuw wachtwoord",
  set: "Stel het wachtwoord in",
  again: "Vraag een andere link aan",
  back: "Terug naar inloggen",
};
