import { setup as en, type SetupWords } from "./en/setup.ts";
import type { InEach } from "./languages.ts";
import { setup as nl } from "./nl/setup.ts";

export const setupWords: InEach<SetupWords> = { en, nl };
