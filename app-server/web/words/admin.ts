import { type AdminWords, admin as en } from "./en/admin.ts";
import type { InEach } from "./languages.ts";
import { admin as nl } from "./nl/admin.ts";

export const adminWords: InEach<AdminWords> = { en, nl };
