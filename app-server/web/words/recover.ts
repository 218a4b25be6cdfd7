import { recover as en, type RecoverWords } from "./en/recover.ts";
import type { InEach } from "./languages.ts";
import { recover as nl } from "./nl/recover.ts";

export const recoverWords: InEach<RecoverWords> = { en, nl };
