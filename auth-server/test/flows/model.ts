import { type FaroeAction, faroeActions } from "@anteroom/shared/wire/faroe";

/**
 * The protocol as its description has it (strict mode, faults mended), small enough to be seen to be right: everything in
 * maps, one caller at a time. What it predicts, the server has to answer.
 */
export interface Model {
  /** Unix seconds. */
  now: number;
  users: Map<string, ModelUser>;
  things: Map<string, Thing>;
  buckets: Map<string, { count: number; last: number }>;
}

type Counter = "email" | "password" | "disabled" | "sessions";
type Counters = Record<Counter, number>;

export interface ModelUser {
  id: string;
  address: string;
  password: string;
  disabled: boolean;
  counters: Counters;
}

/** A signup, signin, session, update, deletion or reset. */
export interface Thing {
  kind: Kind;
  id: string;
  token: string;
  /** The user's id; empty on a signup. */
  userId: string;
  sessionId: string;
  /** A signup's, or the new one of an update. */
  address: string;
  /** As mailed: code or temporary password. */
  code: string;
  addressVerified: boolean;
  identityVerified: boolean;
  password: string | undefined;
  createdAt: number;
  lastActive: number;
  counters: Counters;
}

/** A thing as a caller names it: perhaps with a wrong secret, perhaps one that never was. */
export interface Handle {
  id: string;
  right: boolean;
}

export interface Input {
  session: Handle;
  thing: Handle;
  address: string;
  password: string;
  code: string;
}

export interface Verdict {
  code: string;
  /** Types of the mails sent. */
  mails?: string[];
  /** The thing the answer shows. */
  shows?: Thing;
  /** What was made: its id, token and code are for the server to choose. */
  makes?: Omit<Thing, "id" | "token" | "code">;
  /** The user that was made. */
  makesUser?: Omit<ModelUser, "id">;
}

interface KindRules {
  lifetime: number;
  invalid: string;
  restsOn: Counter[];
}

const day = 86_400;
export const kinds = {
  signup: { lifetime: 1200, invalid: "invalid_signup_token", restsOn: [] },
  signin: { lifetime: 600, invalid: "invalid_signin_token", restsOn: ["password", "disabled"] },
  session: { lifetime: 90 * day, invalid: "invalid_session_token", restsOn: ["disabled", "sessions"] },
  user_email_address_update: {
    lifetime: 1200,
    invalid: "invalid_user_email_address_update_token",
    restsOn: ["password", "email", "disabled"],
  },
  user_password_update: { lifetime: 600, invalid: "invalid_password_update_token", restsOn: ["password", "disabled"] },
  user_deletion: { lifetime: 600, invalid: "invalid_user_deletion_token", restsOn: ["password", "disabled"] },
  user_password_reset: {
    lifetime: 1200,
    invalid: "invalid_user_password_reset_token",
    restsOn: ["email", "disabled", "password"],
  },
} satisfies Record<string, KindRules>;
export type Kind = keyof typeof kinds;

export const shortPassword = "too short";
export const listedPassword = "passwordpassword";

export function createModel(now: number): Model {
  return { now, users: new Map(), things: new Map(), buckets: new Map() };
}

const ok: Verdict = { code: "ok" };
const fail = (code: string): Verdict => ({ code });

// Buckets: count and time of the last refill, as the protocol's description computes them.

type Bucket = "password" | "send" | "code" | "temporary";
const intervals: Record<Bucket, number> = { password: 60, send: 1800, code: 60, temporary: 60 };

function refill(model: Model, bucket: Bucket, key: string) {
  const { count, last } = model.buckets.get(`${bucket} ${key}`) ?? { count: 5, last: model.now };
  const tokens = Math.max(0, Math.floor((model.now - last) / intervals[bucket]));
  return count + tokens >= 5
    ? { count: 5, last: model.now }
    : { count: count + tokens, last: last + tokens * intervals[bucket] };
}

function look(model: Model, bucket: Bucket, key: string): boolean {
  return refill(model, bucket, key).count > 0;
}

function take(model: Model, bucket: Bucket, key: string): boolean {
  const { count, last } = refill(model, bucket, key);
  if (count === 0) return false;
  model.buckets.set(`${bucket} ${key}`, { count: count - 1, last });
  return true;
}

function takeSend(model: Model, address: string): boolean {
  return look(model, "code", address) && take(model, "send", address);
}

// Tokens.

function hasExpired({ now }: Model, thing: Thing): boolean {
  const unused = thing.kind === "session" && now >= thing.lastActive + 30 * day;
  return unused || now >= thing.createdAt + kinds[thing.kind].lifetime;
}

function rests(model: Model, thing: Thing): boolean {
  if (thing.kind === "signup") return true;
  const user = model.users.get(thing.userId);
  if (user === undefined || user.disabled) return false;
  return kinds[thing.kind].restsOn.every((counter) => user.counters[counter] === thing.counters[counter]);
}

/** The thing of a handle when it is valid. Whoever knows the id of one that is not makes it disappear. */
function find(model: Model, kind: Kind, handle: Handle): Thing | undefined {
  const thing = model.things.get(handle.id);
  if (thing?.kind !== kind) return undefined;
  if (hasExpired(model, thing) || !rests(model, thing)) {
    model.things.delete(thing.id);
    return undefined;
  }
  if (!handle.right) return undefined;
  if (kind === "session" && model.now - thing.lastActive >= 60) thing.lastActive = model.now;
  return thing;
}

const bySession: Kind[] = ["user_email_address_update", "user_password_update", "user_deletion"];

/** Finds what an action is about and hands it on, or says why not. */
function withThing(model: Model, kind: Kind, input: Input, rule: (thing: Thing, user: ModelUser) => Verdict): Verdict {
  const session = bySession.includes(kind) ? find(model, "session", input.session) : undefined;
  if (bySession.includes(kind) && !session) return fail("invalid_session_token");
  const thing = find(model, kind, kind === "session" ? input.session : input.thing);
  if (!thing) return fail(kinds[kind].invalid);
  if (session && thing.sessionId !== session.id) return fail("session_mismatch");
  return rule(thing, model.users.get(thing.userId) as ModelUser);
}

function begin(
  model: Model,
  kind: Kind,
  of: { user?: ModelUser; session?: Thing; address?: string },
): Verdict["makes"] {
  return {
    kind,
    userId: of.user?.id ?? "",
    sessionId: of.session?.id ?? "",
    address: of.address ?? "",
    addressVerified: false,
    identityVerified: false,
    password: undefined,
    createdAt: model.now,
    lastActive: model.now,
    counters: { ...(of.user?.counters ?? { email: 0, password: 0, disabled: 0, sessions: 0 }) },
  };
}

function makes(thing: Verdict["makes"], ...mails: string[]): Verdict {
  return { code: "ok", mails, ...(thing ? { makes: thing } : {}) };
}

function holderOf(model: Model, address: string): ModelUser | undefined {
  return [...model.users.values()].find((user) => user.address === address);
}

// Steps that several flows have.

function verifyPassword(model: Model, kind: Kind, again: string) {
  return (input: Input) =>
    withThing(model, kind, input, (thing, user) => {
      if (kind === "user_email_address_update" && !thing.addressVerified) return fail("email_address_not_verified");
      if (thing.identityVerified) return fail(again);
      if (!take(model, "password", user.id)) return fail("rate_limited");
      if (input.password !== user.password) return fail("incorrect_password");
      thing.identityVerified = true;
      return ok;
    });
}

/** What is wrong with a new password, as far as the sequences have such. */
function faultOf(password: string): string | undefined {
  if (password === shortPassword) return "invalid_password_length";
  return password === listedPassword ? "weak_password" : undefined;
}

function setPassword(model: Model, kind: Kind, tooEarly: string, again: string) {
  return (input: Input) =>
    withThing(model, kind, input, (thing) => {
      if (!(kind === "signup" ? thing.addressVerified : thing.identityVerified)) return fail(tooEarly);
      if (thing.password !== undefined) return fail(again);
      const fault = faultOf(input.password);
      if (fault !== undefined) return fail(fault);
      thing.password = input.password;
      return ok;
    });
}

function verifyCode(model: Model, kind: Kind) {
  return (input: Input) =>
    withThing(model, kind, input, (thing) => {
      if (thing.addressVerified) return fail("email_address_already_verified");
      if (!take(model, "code", thing.address)) return fail("rate_limited");
      if (input.code !== thing.code) return fail("incorrect_email_address_verification_code");
      thing.addressVerified = true;
      return ok;
    });
}

function sendCode(model: Model, kind: Kind, mail: string) {
  return (input: Input) =>
    withThing(model, kind, input, (thing) => {
      if (thing.addressVerified) return fail("email_address_already_verified");
      return takeSend(model, thing.address) ? { code: "ok", mails: [mail] } : fail("rate_limited");
    });
}

function putPassword(user: ModelUser, thing: Thing): void {
  user.password = thing.password ?? "";
  user.counters.password++;
}

type Rules = Record<FaroeAction, (input: Input) => Verdict>;

/** What each action answers, and does to the model. */
export function createRules(model: Model): Rules {
  return {
    ...generalRules(model),
    ...signupRules(model),
    ...signinRules(model),
    ...emailUpdateRules(model),
    ...passwordRules(model),
    ...deletionRules(model),
  } as Rules;
}

function generalRules(model: Model): Partial<Rules> {
  const rules: Partial<Rules> = {};
  for (const kind of Object.keys(kinds) as Kind[]) {
    rules[`get_${kind}` as FaroeAction] = (input) =>
      withThing(model, kind, input, (thing) => ({ code: "ok", shows: thing }));
    rules[`delete_${kind}` as FaroeAction] = (input) =>
      withThing(model, kind, input, (thing) => {
        model.things.delete(thing.id);
        return ok;
      });
  }
  rules.delete_all_sessions = (input) =>
    withThing(model, "session", input, (_, user) => {
      user.counters.sessions++;
      return ok;
    });
  return rules;
}

function signupRules(model: Model): Partial<Rules> {
  return {
    create_signup: ({ address }) => {
      if (!address.includes("@")) return fail("invalid_email_address");
      if (holderOf(model, address)) return fail("email_address_already_used");
      if (!takeSend(model, address)) return fail("rate_limited");
      return makes(begin(model, "signup", { address }), "signup_verification");
    },
    send_signup_email_address_verification_code: sendCode(model, "signup", "signup_verification"),
    verify_signup_email_address_verification_code: verifyCode(model, "signup"),
    set_signup_password: setPassword(model, "signup", "email_address_not_verified", "password_already_set"),
    complete_signup: (input) =>
      withThing(model, "signup", input, (thing) => {
        if (!thing.addressVerified) return fail("email_address_not_verified");
        if (thing.password === undefined) return fail("password_not_set");
        model.things.delete(thing.id);
        if (holderOf(model, thing.address)) return fail("invalid_signup_token");
        const counters = { email: 0, password: 0, disabled: 0, sessions: 0 };
        const makesUser = { address: thing.address, password: thing.password, disabled: false, counters };
        return { ...makes(begin(model, "session", {})), makesUser };
      }),
  };
}

function signinRules(model: Model): Partial<Rules> {
  return {
    create_signin: ({ address }) => {
      if (!address.includes("@")) return fail("invalid_email_address");
      const user = holderOf(model, address);
      if (!user) return fail("user_not_found");
      return user.disabled ? fail("user_disabled") : makes(begin(model, "signin", { user }));
    },
    verify_signin_user_password: verifyPassword(model, "signin", "user_first_factor_already_verified"),
    complete_signin: (input) =>
      withThing(model, "signin", input, (thing, user) => {
        if (!thing.identityVerified) return fail("user_first_factor_not_verified");
        model.things.delete(thing.id);
        return makes(begin(model, "session", { user }), "signin_notification");
      }),
  };
}

function emailUpdateRules(model: Model): Partial<Rules> {
  const kind = "user_email_address_update";
  return {
    create_user_email_address_update: (input) => {
      const { address } = input;
      if (!address.includes("@")) return fail("invalid_email_address");
      return withThing(model, "session", input, (session, user) => {
        if (holderOf(model, address)) return fail("email_address_already_used");
        if (!takeSend(model, address)) return fail("rate_limited");
        return makes(begin(model, kind, { user, session, address }), "email_update_verification");
      });
    },
    send_user_email_address_update_email_address_verification_code: sendCode(model, kind, "email_update_verification"),
    verify_user_email_address_update_email_address_verification_code: verifyCode(model, kind),
    verify_user_email_address_update_user_password: verifyPassword(model, kind, "user_identity_already_verified"),
    complete_user_email_address_update: (input) =>
      withThing(model, kind, input, (thing, user) => {
        if (!thing.addressVerified) return fail("email_address_not_verified");
        if (!thing.identityVerified) return fail("user_identity_not_verified");
        model.things.delete(thing.id);
        if (holderOf(model, thing.address)) return fail(kinds[kind].invalid);
        user.address = thing.address;
        user.counters.email++;
        return { code: "ok", mails: ["email_updated"] };
      }),
  };
}

function passwordRules(model: Model): Partial<Rules> {
  const notVerified = "user_first_factor_not_verified";
  return {
    create_user_password_update: (input) =>
      withThing(model, "session", input, (session, user) =>
        makes(begin(model, "user_password_update", { user, session })),
      ),
    verify_user_password_update_user_password: verifyPassword(
      model,
      "user_password_update",
      "user_identity_already_verified",
    ),
    set_user_password_update_new_password: setPassword(
      model,
      "user_password_update",
      "user_identity_not_verified",
      "new_password_already_set",
    ),
    complete_user_password_update: (input) =>
      withThing(model, "user_password_update", input, (thing, user) => {
        if (!thing.identityVerified) return fail("user_identity_not_verified");
        if (thing.password === undefined) return fail("new_password_not_set");
        putPassword(user, thing);
        model.things.delete(thing.id);
        return { code: "ok", mails: ["password_updated"] };
      }),
    create_user_password_reset: ({ address }) => {
      if (!address.includes("@")) return fail("invalid_email_address");
      const user = holderOf(model, address);
      if (!user) return fail("user_not_found");
      if (user.disabled) return fail("user_disabled");
      if (!look(model, "temporary", user.id) || !take(model, "send", address)) return fail("rate_limited");
      return makes(begin(model, "user_password_reset", { user }), "password_reset");
    },
    verify_user_password_reset_temporary_password: (input) =>
      withThing(model, "user_password_reset", input, (thing, user) => {
        if (thing.identityVerified) return fail("user_first_factor_already_verified");
        if (!take(model, "temporary", user.id)) return fail("rate_limited");
        if (input.code !== thing.code) return fail("incorrect_temporary_password");
        thing.identityVerified = true;
        return ok;
      }),
    set_user_password_reset_new_password: setPassword(
      model,
      "user_password_reset",
      notVerified,
      "new_password_already_set",
    ),
    complete_user_password_reset: (input) =>
      withThing(model, "user_password_reset", input, (thing, user) => {
        if (!thing.identityVerified) return fail(notVerified);
        if (thing.password === undefined) return fail("new_password_not_set");
        putPassword(user, thing);
        model.things.delete(thing.id);
        return makes(begin(model, "session", { user }), "password_updated", "signin_notification");
      }),
  };
}

function deletionRules(model: Model): Partial<Rules> {
  return {
    create_user_deletion: (input) =>
      withThing(model, "session", input, (session, user) => makes(begin(model, "user_deletion", { user, session }))),
    verify_user_deletion_user_password: verifyPassword(model, "user_deletion", "user_identity_already_verified"),
    complete_user_deletion: (input) =>
      withThing(model, "user_deletion", input, (thing, user) => {
        if (!thing.identityVerified) return fail("user_identity_not_verified");
        model.users.delete(user.id);
        model.things.delete(thing.id);
        return ok;
      }),
  };
}

/** The kind whose token an action takes beside (or instead of) a session's. */
export function kindOf(action: FaroeAction): Kind {
  const names = faroeActions[action].arguments.map((name) => name.replace(/_token$/, ""));
  const found = names.filter((name): name is Kind => Object.hasOwn(kinds, name));
  return found.find((kind) => kind !== "session") ?? "session";
}

/** The members of a thing that answers show and the model knows. */
export function view(thing: Thing): object {
  const common = {
    id: thing.id,
    created_at: thing.createdAt,
    expires_at: thing.createdAt + kinds[thing.kind].lifetime,
  };
  const byUser = { ...common, user_id: thing.userId };
  const inSession = { ...byUser, session_id: thing.sessionId, user_identity_verified: thing.identityVerified };
  const isSet = thing.password !== undefined;
  const first = { user_first_factor_verified: thing.identityVerified };
  const views: Record<Kind, object> = {
    signup: {
      ...common,
      email_address: thing.address,
      email_address_verified: thing.addressVerified,
      password_set: isSet,
    },
    signin: { ...byUser, ...first },
    session: byUser,
    user_email_address_update: {
      ...inSession,
      new_email_address: thing.address,
      new_email_address_verified: thing.addressVerified,
    },
    user_password_update: { ...inSession, new_password_set: isSet },
    user_deletion: inSession,
    user_password_reset: { ...byUser, ...first, new_password_set: isSet },
  };
  return views[thing.kind];
}
