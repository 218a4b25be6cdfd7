import { type ErrorWords, errors as en } from "./en/errors.ts";
import type { InEach } from "./languages.ts";
import { errors as nl } from "./nl/errors.ts";

export const errorWords: InEach<ErrorWords> = { en, nl };
