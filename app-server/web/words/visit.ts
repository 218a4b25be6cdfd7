import { visit as en, type VisitWords } from "./en/visit.ts";
import type { InEach } from "./languages.ts";
import { visit as nl } from "./nl/visit.ts";

export const visitWords: InEach<VisitWords> = { en, nl };
