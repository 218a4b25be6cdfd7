import type { AuthAction } from "@anteroom/shared/wire/faroe";
import { password, succeed } from "../steps.ts";
import { newPassword, type Person, type Rig, takeMail } from "./rig.ts";

/** One of the four flows that change a user, told in a way that one suite can walk through any of them. */
export interface Flow {
  object: "user_email_address_update" | "user_password_update" | "user_deletion" | "user_password_reset";
  /** Seconds. */
  lifetime: number;
  /** The code for a token that is none. */
  invalid: string;
  /** A reset needs no session. */
  bySession: boolean;
  /** Whether a change of the user's address ends it. */
  endsWithAddress: boolean;
  begin(rig: Rig, person: Person): Promise<Change>;
  /** In the order they have to be taken; the last one completes it. */
  steps: Step[];
}

export interface Change {
  id: string;
  token: string;
  /** As answered at the beginning. */
  // biome-ignore lint/suspicious/noExplicitAny: the four objects differ.
  object: any;
  /** The tokens, as every action of the flow takes them. */
  args: Record<string, string>;
  /** As mailed; empty where nothing is. */
  code: string;
}

export interface Step {
  action: AuthAction;
  /** What it takes beside the tokens. */
  args(change: Change): Record<string, string>;
  /** The member that is true afterwards; none when the flow is over then. */
  sets?: string;
  /** The code when the step before has not been taken. */
  tooEarly?: string;
  /** The code when it has been taken already. */
  again?: string;
  /** The code for something wrong in place of `args`. */
  wrong?: string;
}

const reversed = (text: string) => [...text].reverse().join("");

/** As `args`, but wrong. */
export function wrongArgs(step: Step, change: Change): Record<string, string> {
  return Object.fromEntries(Object.entries(step.args(change)).map(([name, text]) => [name, `${reversed(text)}X`]));
}

async function start(rig: Rig, object: Flow["object"], args: Record<string, string>, session?: string) {
  const values = await succeed(rig, `create_${object}`, args);
  const token = String(values[`${object}_token`]);
  const tokens = { ...(session === undefined ? {} : { session_token: session }), [`${object}_token`]: token };
  return { id: token.split(".")[0] ?? "", token, object: values[object], args: tokens, code: "" };
}

const verifyPassword = (object: string): Step => ({
  action: `verify_${object}_user_password` as AuthAction,
  args: () => ({ password }),
  sets: "user_identity_verified",
  again: "user_identity_already_verified",
  wrong: "incorrect_password",
});

const setPassword = (object: string, tooEarly: string): Step => ({
  action: `set_${object}_new_password` as AuthAction,
  args: () => ({ password: newPassword }),
  sets: "new_password_set",
  again: "new_password_already_set",
  tooEarly,
});

export const newAddress = "ada@new.example";

export const emailAddressUpdate: Flow = {
  object: "user_email_address_update",
  lifetime: 1200,
  invalid: "invalid_user_email_address_update_token",
  bySession: true,
  endsWithAddress: true,
  begin: async (rig, { session_token }) => {
    const args = { session_token, new_email_address: newAddress };
    const change = await start(rig, "user_email_address_update", args, session_token);
    return { ...change, code: (await takeMail(rig, "email_update_verification"))?.code ?? "" };
  },
  steps: [
    {
      action: "verify_user_email_address_update_email_address_verification_code",
      args: ({ code }) => ({ email_address_verification_code: code }),
      sets: "new_email_address_verified",
      again: "email_address_already_verified",
      wrong: "incorrect_email_address_verification_code",
    },
    { ...verifyPassword("user_email_address_update"), tooEarly: "email_address_not_verified" },
    { action: "complete_user_email_address_update", args: () => ({}), tooEarly: "user_identity_not_verified" },
  ],
};

export const passwordUpdate: Flow = {
  object: "user_password_update",
  lifetime: 600,
  invalid: "invalid_password_update_token",
  bySession: true,
  endsWithAddress: false,
  begin: (rig, { session_token }) => start(rig, "user_password_update", { session_token }, session_token),
  steps: [
    verifyPassword("user_password_update"),
    setPassword("user_password_update", "user_identity_not_verified"),
    { action: "complete_user_password_update", args: () => ({}), tooEarly: "new_password_not_set" },
  ],
};

export const userDeletion: Flow = {
  object: "user_deletion",
  lifetime: 600,
  invalid: "invalid_user_deletion_token",
  bySession: true,
  endsWithAddress: false,
  begin: (rig, { session_token }) => start(rig, "user_deletion", { session_token }, session_token),
  steps: [
    verifyPassword("user_deletion"),
    { action: "complete_user_deletion", args: () => ({}), tooEarly: "user_identity_not_verified" },
  ],
};

export const passwordReset: Flow = {
  object: "user_password_reset",
  lifetime: 1200,
  invalid: "invalid_user_password_reset_token",
  bySession: false,
  endsWithAddress: true,
  begin: async (rig, { address }) => {
    const change = await start(rig, "user_password_reset", { user_email_address: address });
    return { ...change, code: (await takeMail(rig, "password_reset"))?.code ?? "" };
  },
  steps: [
    {
      action: "verify_user_password_reset_temporary_password",
      args: ({ code }) => ({ temporary_password: code }),
      sets: "user_first_factor_verified",
      again: "user_first_factor_already_verified",
      wrong: "incorrect_temporary_password",
    },
    setPassword("user_password_reset", "user_first_factor_not_verified"),
    { action: "complete_user_password_reset", args: () => ({}), tooEarly: "new_password_not_set" },
  ],
};

export const flows = [emailAddressUpdate, passwordUpdate, userDeletion, passwordReset];

/** Takes one step with what is right for it. */
export function take(rig: Rig, change: Change, step: Step) {
  return succeed(rig, step.action, { ...change.args, ...step.args(change) });
}

/** Takes the first `count` steps; all but the last unless told. */
export async function prepare(rig: Rig, flow: Flow, person: Person, count = flow.steps.length - 1): Promise<Change> {
  const change = await flow.begin(rig, person);
  for (const step of flow.steps.slice(0, count)) await take(rig, change, step);
  return change;
}

/** Takes all steps. The values of the last. */
export async function carryThrough(rig: Rig, flow: Flow, person: Person) {
  const change = await prepare(rig, flow, person);
  return take(rig, change, flow.steps.at(-1) as Step);
}

/** All actions of a flow that take its token, with what is right for them. */
export function actionsWithToken(flow: Flow, change: Change): [string, Record<string, string>][] {
  const plain = [`get_${flow.object}`, `delete_${flow.object}`];
  if (flow === emailAddressUpdate) plain.push(`send_${flow.object}_email_address_verification_code`);
  return [
    ...plain.map((action): [string, Record<string, string>] => [action, change.args]),
    ...flow.steps.map((step): [string, Record<string, string>] => [
      step.action,
      { ...change.args, ...step.args(change) },
    ]),
  ];
}

/** A password update or reset that waits for the new password: what to call, without the password. */
export async function prepareNewPassword(
  rig: Rig,
  object: "user_password_update" | "user_password_reset",
  person: Person,
) {
  const flow = object === "user_password_update" ? passwordUpdate : passwordReset;
  const { args } = await prepare(rig, flow, person, 1);
  return { action: `set_${object}_new_password`, args };
}
