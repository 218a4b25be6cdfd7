import { type AccountWords, account as en } from "./en/account.ts";
import type { InEach } from "./languages.ts";
import { account as nl } from "./nl/account.ts";

export const accountWords: InEach<AccountWords> = { en, nl };
