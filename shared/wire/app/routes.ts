import type { z } from "zod";
import { accountContracts } from "./accounts.ts";
import { decisionContracts } from "./decisions.ts";
import { mailContracts } from "./mail.ts";
import { oversightContracts } from "./oversight.ts";
import { peopleContracts } from "./people.ts";
import { registrationContracts } from "./registration.ts";
import { sessionContracts } from "./session.ts";

/**
 * Every public route of the app server by its name. Handlers, clients and `/openapi.json` follow from it. Names as on the
 * wire; times are unix seconds.
 */
export const contracts = {
  ...registrationContracts,
  ...sessionContracts,
  ...accountContracts,
  ...decisionContracts,
  ...peopleContracts,
  ...oversightContracts,
  ...mailContracts,
};

export type RouteContracts = typeof contracts;
export type RouteName = keyof RouteContracts;

/** Those that answer programs. */
export type AppRoute = { [R in RouteName]: RouteContracts[R]["answer"] extends string ? never : R }[RouteName];

/** Per route what is sent, as the body or in the query, and what comes back when all is well. */
export type AppRoutes = {
  [R in AppRoute]: { body: BodyOf<R>; query: QueryOf<RouteContracts[R]>; values: ValuesOf<RouteContracts[R]> };
};

type BodyOf<R extends AppRoute> = RouteContracts[R] extends { body: infer Body extends z.ZodObject }
  ? RouteContracts[R] extends { either: readonly (infer Name)[] }
    ? {
        // In place, without a name of its own: the client's package spells types out.
        [N in keyof z.input<Body> & Name]: Omit<z.input<Body>, N> & { [Given in N]: NonNullable<z.input<Body>[Given]> };
      }[keyof z.input<Body> & Name]
    : z.input<Body>
  : R extends `GET ${string}`
    ? undefined
    : Record<string, never>;

type QueryOf<C> = C extends { query: infer Query extends z.ZodObject } ? z.input<Query> : undefined;

type ValuesOf<C> = C extends { answer: infer Answer extends z.ZodType } ? z.output<Answer> : never;
