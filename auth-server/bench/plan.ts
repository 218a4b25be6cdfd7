import { parseArgs } from "node:util";

/** How much is measured. */
export interface Plan {
  /** Every subject is measured once a round, in an order that turns around from round to round. */
  loadRounds: number;
  loadSeconds: number;
  /** Until V8 has compiled everything that the load needs. */
  warmupSeconds: number;
  /** Of sign-ins and of acceptances. */
  rounds: number;
  signinSeconds: number;
  /** Accepted one after the other, a round. */
  acceptances: number;
  /** Accepted at once, a round. */
  burst: number;
  /** How often each server is started. */
  starts: number;
  /** From ready to the look at the memory; 0 leaves `npm start` out. */
  restSeconds: number;
}

/** About three and a half minutes. */
export const fullPlan: Plan = {
  loadRounds: 12,
  loadSeconds: 1,
  warmupSeconds: 5,
  rounds: 5,
  signinSeconds: 4,
  acceptances: 40,
  burst: 50,
  starts: 5,
  restSeconds: 15,
};

/** Under a minute, for a look while working; too short for figures to be kept. */
export const quickPlan: Plan = {
  loadRounds: 5,
  loadSeconds: 0.5,
  warmupSeconds: 2,
  rounds: 2,
  signinSeconds: 1.5,
  acceptances: 25,
  burst: 50,
  starts: 2,
  restSeconds: 5,
};

/** What the command line asks for. Throws on anything else. */
export function readCommandLine(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      save: { type: "boolean", default: false },
    },
  });
  return { plan: values.quick ? quickPlan : fullPlan, json: values.json, save: values.save };
}
