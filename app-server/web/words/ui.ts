import { ui as en, type UiWords } from "./en/ui.ts";
import type { InEach } from "./languages.ts";
import { ui as nl } from "./nl/ui.ts";

export const uiWords: InEach<UiWords> = { en, nl };
