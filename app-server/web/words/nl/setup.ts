import type { SetupWords } from "../en/setup.ts";

export const setup: SetupWords = {
  title: "Word de eerste beheerder",
  lead: "Deze link werkt één keer. Je adres krijgt een code, waarmee je je wachtwoord kiest.",
  go: "Verder",
  missing: "Voor deze pagina is een link nodig",
  missingLead: "Maak er een op de server, en open hem hier. Hij is maar kort geldig.",
};
