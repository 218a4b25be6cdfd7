import * as wire from "@anteroom/shared/wire/app/decisions";

/**
 * What may become of a registration: every state, and every way from one to another. The statements that move one follow from
 * this table (moves.ts), and so does the picture in docs/signup-flow.md.
 */

export interface StateRules {
  /** Of those that hold their address there is at most one for an address. */
  holdsAddress: boolean;
  /** True: every registration in this state is. False: none is. Not given: some are. */
  isApproved?: boolean;
  isVerified?: boolean;
}

/** `TRY`, `VERIFYING` and `AWAITING` are those of sign-ups that verify first; nothing leads there yet. */
export const states = {
  TRY: { holdsAddress: false, isApproved: false, isVerified: false },
  REQUESTED: { holdsAddress: true, isApproved: false, isVerified: false },
  /** Looks to its applicant as REQUESTED does, but holds nothing. */
  DECOY: { holdsAddress: false, isApproved: false, isVerified: false },
  ACCEPTING: { holdsAddress: true, isApproved: false, isVerified: false },
  ACCEPTED: { holdsAddress: true, isApproved: true, isVerified: false },
  OPEN: { holdsAddress: true, isApproved: true, isVerified: false },
  VERIFYING: { holdsAddress: true, isVerified: false },
  AWAITING: { holdsAddress: true, isApproved: false, isVerified: true },
  REJECTED: { holdsAddress: false, isApproved: false },
  WITHDRAWN: { holdsAddress: false },
  EXPIRED: { holdsAddress: false },
} as const satisfies Record<string, StateRules>;

export type RegistrationState = keyof typeof states;

const stateNames = Object.keys(states) as RegistrationState[];

/** In these a registration holds its address. */
export const liveStates: readonly RegistrationState[] = stateNames.filter((state) => states[state].holdsAddress);

/** Kept for administrators to see how it ended. */
export const endedStates = wire.endedStates satisfies readonly RegistrationState[];

export const waitingStates = wire.waitingStates satisfies readonly RegistrationState[];

/** What administrators see in their lists, with and without those whom they rejected. */
export const listedStates = wire.listedStates satisfies readonly RegistrationState[];
export const notRejectedStates = listedStates.filter((state) => state !== "REJECTED");

/** Where no row is: before the request, and after the end. */
const none = "[*]";

interface Transition {
  from: readonly (RegistrationState | typeof none)[];
  /** ACTIVE is a user, and no registration any more. */
  to: RegistrationState | "ACTIVE" | typeof none;
  /** Who moves it, or what does. */
  by: "applicant" | "administrator" | "operator" | "attempt" | "auth server" | "recovery" | "clock" | "another request";
  /** In words, as the picture has them. */
  when: string;
  /** The entry in the log of decisions that is written in the same statement. */
  notes?: "accept" | "reject";
}

export const transitions = {
  request: { from: [none], to: "REQUESTED", by: "applicant", when: "request_registration" },
  requestAsDecoy: {
    from: [none],
    to: "DECOY",
    by: "applicant",
    when: "request_registration for an address that waits, is a user's or was rejected lately",
  },
  preapprove: { from: [none], to: "ACCEPTED", by: "operator", when: "a setup link is used" },
  choose: { from: ["DECOY"], to: "REQUESTED", by: "administrator", when: "chosen by an administrator" },
  stepBack: {
    from: ["REQUESTED"],
    to: "DECOY",
    by: "administrator",
    when: "another request for the address was chosen",
  },
  takeOver: { from: ["DECOY"], to: "REQUESTED", by: "another request", when: "the one before it ended" },
  accept: { from: ["REQUESTED"], to: "ACCEPTING", by: "administrator", when: "an administrator accepts (lease, 60 s)" },
  open: {
    from: ["ACCEPTING", "ACCEPTED"],
    to: "OPEN",
    by: "attempt",
    when: "create_signup returned and its token is stored",
    notes: "accept",
  },
  refuseSignup: { from: ["ACCEPTING"], to: "REQUESTED", by: "auth server", when: "the auth server refuses" },
  giveUp: { from: ["ACCEPTING"], to: "REQUESTED", by: "recovery", when: "never mailed" },
  keep: { from: ["ACCEPTING"], to: "ACCEPTED", by: "recovery", when: "interrupted after the mail", notes: "accept" },
  acceptLate: {
    from: ["REQUESTED"],
    to: "ACCEPTED",
    by: "auth server",
    when: "the mail of an attempt that was given up comes late",
    notes: "accept",
  },
  lapse: { from: ["OPEN"], to: "ACCEPTED", by: "clock", when: "the sign-up expired (24 h)" },
  activate: { from: ["OPEN", "ACCEPTED"], to: "ACTIVE", by: "applicant", when: "complete_signup makes a user of it" },
  reject: {
    from: ["REQUESTED"],
    to: "REJECTED",
    by: "administrator",
    when: "an administrator rejects",
    notes: "reject",
  },
  reopen: { from: ["REJECTED"], to: "REQUESTED", by: "administrator", when: "reopened" },
  withdraw: { from: ["REQUESTED", "DECOY"], to: "WITHDRAWN", by: "applicant", when: "withdrawn" },
  withdrawByCode: { from: liveStates, to: "WITHDRAWN", by: "applicant", when: "withdrawn with the mailed code" },
  remove: { from: liveStates, to: "WITHDRAWN", by: "administrator", when: "taken away" },
  displace: { from: liveStates, to: "WITHDRAWN", by: "another request", when: "an account takes the address" },
  replace: { from: liveStates, to: none, by: "operator", when: "a setup link is used for the address" },
  expire: { from: ["REQUESTED", "ACCEPTED"], to: "EXPIRED", by: "clock", when: "14 days" },
  forget: { from: endedStates, to: none, by: "clock", when: "kept 30 days" },
  forgetDecoy: { from: ["DECOY"], to: none, by: "clock", when: "14 days" },
} as const satisfies Record<string, Transition>;

export type TransitionName = keyof typeof transitions;

/** Those between two states of a row. */
export type MoveName = {
  [Name in TransitionName]: (typeof transitions)[Name] extends {
    from: readonly RegistrationState[];
    to: RegistrationState;
  }
    ? Name
    : never;
}[TransitionName];

/** The states that a request may be stored in. */
export type FirstState = {
  [Name in TransitionName]: (typeof transitions)[Name] extends { from: readonly [typeof none]; to: infer To }
    ? To
    : never;
}[TransitionName];

/** Lines of a state diagram, as mermaid reads them. */
export function drawStates(): string[] {
  const edges = Object.values<Transition>(transitions).flatMap(({ from, to, when }) =>
    from.filter((state) => state === none || isReached(state)).map((state) => ({ from: state, to, when })),
  );
  const places = [...new Set(edges.map(({ from, to }) => `${from} --> ${to}`))];
  const labelOf = (place: string) =>
    edges.filter(({ from, to }) => `${from} --> ${to}` === place).map(({ when }) => when);
  return places.map((place) => `${place}: ${labelOf(place).join(" or ")}`);
}

function isReached(state: RegistrationState): boolean {
  return Object.values<Transition>(transitions).some(({ to }) => to === state);
}
