import { createAuthClient } from "@anteroom/shared/client/auth";
import { type FaroeAction, faroeActions } from "@anteroom/shared/wire/faroe";
import { Client } from "@faroe/client";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { internalSecret } from "../harness.ts";
import { password } from "../steps.ts";
import { begin, newPassword, type Rig, startRig, takeMail } from "./rig.ts";

/** Calls an action through a client: its values with names as on the wire, or its error code. */
type Call = (action: FaroeAction, args: Record<string, string>) => Promise<Record<string, unknown> | string>;

const headers = { authorization: `Bearer ${internalSecret}` };
const actions = Object.keys(faroeActions) as FaroeAction[];

/** Anteroom's client: a method per action, named like it. */
function throughOurs(port: number): Call {
  const client = createAuthClient(`http://127.0.0.1:${port}`, { headers });
  return async (action, args) => {
    const result = await (client[action] as (args: object) => ReturnType<(typeof client)["get_session"]>)(args);
    return result.ok ? result.values : result.error;
  };
}

/** Faroe's: a method per action in camel case, arguments by position. */
function throughFaroes(port: number): Call {
  const client = new Client({
    sendActionInvocationEndpointRequest: async (body: string) =>
      (await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body, headers })).text(),
  });
  return async (action, args) => {
    const name = action.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()) as keyof Client;
    const method = client[name] as unknown as (...texts: (string | undefined)[]) => Promise<object>;
    const result = await method.apply(
      client,
      faroeActions[action].arguments.map((argument) => args[argument]),
    );
    const { ok, errorCode, ...values } = result as { ok: boolean; errorCode?: string };
    const toWire = (text: string) => text.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const entries = Object.entries(values).map(([key, value]) => [toWire(key), value]);
    return ok ? Object.fromEntries(entries) : (errorCode ?? "");
  };
}

describe.each([
  ["ours", "false", throughOurs],
  ["ours", "true", throughOurs],
  ["@faroe/client, unchanged,", "false", throughFaroes],
  ["@faroe/client, unchanged,", "true", throughFaroes],
] as const)("%s with AUTH_FAROE_STRICT=%s", (_, strict, createCall) => {
  let rig: Rig;
  let call: Call;
  const succeeded = new Set<string>();

  beforeAll(async () => {
    rig = await startRig("app", { AUTH_FAROE_STRICT: strict });
    const through = createCall(rig.server.privatePort);
    call = async (action, args) => {
      const result = await through(action, args);
      if (typeof result !== "string") succeeded.add(action);
      return result;
    };
  });
  afterAll(() => rig?.stop());
  beforeEach(() => begin(rig));

  /** The values of an action that must succeed, as texts: only tokens are used. */
  async function get(action: FaroeAction, args: Record<string, string>): Promise<Record<string, string>> {
    const values = await call(action, args);
    expect(values, `${action}: ${values}`).toBeTypeOf("object");
    return values as Record<string, string>;
  }

  async function signUp(): Promise<{ session_token: string }> {
    const { signup_token = "" } = await get("create_signup", { email_address: "ada@example.com" });
    await get("send_signup_email_address_verification_code", { signup_token });
    const email_address_verification_code = (await takeMail(rig, "signup_verification"))?.code ?? "";
    await get("verify_signup_email_address_verification_code", { signup_token, email_address_verification_code });
    await get("set_signup_password", { signup_token, password });
    await get("get_signup", { signup_token });
    const { session_token = "" } = await get("complete_signup", { signup_token });
    const other = await get("create_signup", { email_address: "bob@example.com" });
    await get("delete_signup", { signup_token: other.signup_token ?? "" });
    return { session_token };
  }

  async function signIn(text: string): Promise<{ session_token: string }> {
    const user_email_address = "ada@example.com";
    const { signin_token = "" } = await get("create_signin", { user_email_address });
    await get("verify_signin_user_password", { signin_token, password: text });
    await get("get_signin", { signin_token });
    const { session_token = "" } = await get("complete_signin", { signin_token });
    const other = await get("create_signin", { user_email_address });
    await get("delete_signin", { signin_token: other.signin_token ?? "" });
    return { session_token };
  }

  async function updateEmailAddress(by: { session_token: string }): Promise<void> {
    const begun = async (new_email_address: string) => {
      const values = await get("create_user_email_address_update", { ...by, new_email_address });
      return { ...by, user_email_address_update_token: values.user_email_address_update_token ?? "" };
    };
    await get("delete_user_email_address_update", await begun("ada@other.example"));
    await takeMail(rig, "email_update_verification");
    const update = await begun("ada@new.example");
    await get("send_user_email_address_update_email_address_verification_code", update);
    const email_address_verification_code = (await takeMail(rig, "email_update_verification"))?.code ?? "";
    const verify = "verify_user_email_address_update_email_address_verification_code";
    await get(verify, { ...update, email_address_verification_code });
    await get("verify_user_email_address_update_user_password", { ...update, password });
    await get("get_user_email_address_update", update);
    await get("complete_user_email_address_update", update);
  }

  async function updatePassword(by: { session_token: string }): Promise<void> {
    const begun = async () => {
      const values = await get("create_user_password_update", by);
      return { ...by, user_password_update_token: values.user_password_update_token ?? "" };
    };
    await get("delete_user_password_update", await begun());
    const update = await begun();
    await get("verify_user_password_update_user_password", { ...update, password });
    await get("set_user_password_update_new_password", { ...update, password: newPassword });
    await get("get_user_password_update", update);
    await get("complete_user_password_update", update);
  }

  async function resetPassword(): Promise<{ session_token: string }> {
    const begun = async () => {
      const values = await get("create_user_password_reset", { user_email_address: "ada@new.example" });
      const temporary_password = (await takeMail(rig, "password_reset"))?.code ?? "";
      return { reset: { user_password_reset_token: values.user_password_reset_token ?? "" }, temporary_password };
    };
    await get("delete_user_password_reset", (await begun()).reset);
    const { reset, temporary_password } = await begun();
    await get("verify_user_password_reset_temporary_password", { ...reset, temporary_password });
    await get("set_user_password_reset_new_password", { ...reset, password });
    await get("get_user_password_reset", reset);
    const { session_token = "" } = await get("complete_user_password_reset", reset);
    return { session_token };
  }

  async function deleteUser(by: { session_token: string }): Promise<void> {
    const begun = async () => {
      const values = await get("create_user_deletion", by);
      return { ...by, user_deletion_token: values.user_deletion_token ?? "" };
    };
    await get("delete_user_deletion", await begun());
    const deletion = await begun();
    await get("verify_user_deletion_user_password", { ...deletion, password });
    await get("get_user_deletion", deletion);
    await get("complete_user_deletion", deletion);
  }

  test("every method works, one after the other, from the sign-up to the deletion of the user", async () => {
    await signUp();
    const session = await signIn(password);
    await get("get_session", session);
    await get("delete_session", session);
    const { session_token } = await signIn(password);
    await updateEmailAddress({ session_token });
    await updatePassword({ session_token });
    await get("delete_all_sessions", { session_token });
    await deleteUser(await resetPassword());
    expect([...succeeded].sort()).toEqual([...actions].sort());
    expect(rig.app.users).toEqual([]);
  });

  test("codes of every action are passed on as they are", async () => {
    for (const action of actions) {
      const args = Object.fromEntries(faroeActions[action].arguments.map((name) => [name, "x"]));
      expect(faroeActions[action].errors, action).toContain(await call(action, args));
    }
  });
});

test("the contract has Faroe's actions, all of them", () => {
  expect(actions).toHaveLength(39);
});
