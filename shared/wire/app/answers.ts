import { z } from "zod";
import { languages } from "../languages.ts";

/** Parts that answers of several features have. Names as on the wire. */

export const time = z.int().describe("Unix seconds.");

export const done = z.object({ success: z.literal(true) });
export const doneWithMessage = done.extend({ message: z.string().describe("For people.") });
export const registered = doneWithMessage.extend({ registration_token: z.string() });

export const next = z.string().nullable().describe("What the next page is asked for with; null on the last.");

export const language = z.enum(languages);
