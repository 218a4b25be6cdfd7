import type { z } from "zod";
import type { Reason } from "./errors.ts";

/** What one route takes, answers and may refuse with. */
export interface Contract {
  readonly summary: string;
  /** Of a POST; without, none is read. */
  readonly body?: z.ZodObject;
  /** Optional members of the body of which one must be there. */
  readonly either?: readonly string[];
  /** What may follow `?`; what is not named here is ignored. */
  readonly query?: z.ZodObject;
  /** `page`: HTML. `table`: a file for spreadsheets (CSV). */
  readonly answer: z.ZodType | "page" | "table";
  /**
   * What it may refuse with, beside what follows from how it is served: whether it asks for a session, has a body, is limited
   * per caller, and that either server may be out of order.
   */
  readonly errors?: readonly Reason[];
  /** Refusals in a form of their own, which the source document has fixed. */
  readonly otherwise?: { readonly [status: number]: z.ZodType };
}

/** By name: `POST /auth/registration_status`. */
export type Contracts = Record<`${"GET" | "POST"} ${string}`, Contract>;
