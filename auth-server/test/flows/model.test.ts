import { patiently } from "@anteroom/shared/testing/patience";
import { type FaroeAction, faroeActions } from "@anteroom/shared/wire/faroe";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { noon } from "../steps.ts";
import {
  createModel,
  createRules,
  type Handle,
  type Input,
  type Kind,
  kindOf,
  listedPassword,
  type Model,
  type ModelUser,
  shortPassword,
  type Thing,
  type Verdict,
  view,
} from "./model.ts";
import { begin, type Rig, startRig } from "./rig.ts";

const addresses = ["ada@x.example", "Ada@x.example", "ada@x.example", "no address"];
const passwords = ["the first password", "a second password", shortPassword, listedPassword];
const actions = Object.keys(faroeActions) as FaroeAction[];
const nothing = "z".repeat(24);

/** Something that happens. Numbers choose among what there is by then. */
type Event =
  | { is: "action"; action: FaroeAction; which: number; whose: number; address: number; password: number; slip: number }
  /** The next step of something under way. */
  | { is: "progress"; which: number; whose: number; password: number; slip: number }
  /** The last action once more, or more often. */
  | { is: "again"; times: number }
  /** Wrong tries at whatever verifies something. */
  | { is: "guesses"; which: number; times: number }
  | { is: "time"; seconds: number }
  | { is: "disable"; which: number }
  | { is: "enable"; which: number }
  /** Disabled and enabled again before anybody looks. */
  | { is: "blink"; which: number };
type Attempt = Extract<Event, { is: "action" | "progress" }>;

const few = fc.nat(30);
const small = { which: few, whose: few, password: fc.nat(3), slip: fc.nat(12) };
const anEvent: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      is: fc.constant("action" as const),
      action: fc.constantFrom(...actions),
      address: fc.nat(3),
      ...small,
    }),
  },
  { weight: 16, arbitrary: fc.record({ is: fc.constant("progress" as const), ...small }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constant("again" as const), times: fc.integer({ min: 1, max: 6 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      is: fc.constant("time" as const),
      seconds: fc.constantFrom(1, 1, 30, 59, 60, 61, 540, 599, 600, 1140, 1200, 1800, 86_400, 30 * 86_400),
    }),
  },
  { weight: 1, arbitrary: fc.record({ is: fc.constant("disable" as const), which: few }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant("enable" as const), which: few }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant("blink" as const), which: few }) },
  {
    weight: 2,
    arbitrary: fc.record({ is: fc.constant("guesses" as const), which: few, times: fc.integer({ min: 3, max: 6 }) }),
  },
);

/** What remains to be done with a thing, in order. */
const steps: Record<Kind, FaroeAction[]> = {
  signup: ["verify_signup_email_address_verification_code", "set_signup_password", "complete_signup"],
  signin: ["verify_signin_user_password", "complete_signin"],
  session: [
    "create_user_email_address_update",
    "create_user_password_update",
    "create_user_deletion",
    "delete_all_sessions",
    "delete_session",
    "get_session",
  ],
  user_email_address_update: [
    "verify_user_email_address_update_email_address_verification_code",
    "verify_user_email_address_update_user_password",
    "complete_user_email_address_update",
  ],
  user_password_update: [
    "verify_user_password_update_user_password",
    "set_user_password_update_new_password",
    "complete_user_password_update",
  ],
  user_deletion: ["verify_user_deletion_user_password", "complete_user_deletion"],
  user_password_reset: [
    "verify_user_password_reset_temporary_password",
    "set_user_password_reset_new_password",
    "complete_user_password_reset",
  ],
};

let rig: Rig;
const seen = new Set<string>();

beforeAll(async () => {
  rig = await startRig("app", { AUTH_FAROE_STRICT: "true", AUTH_PASSWORD_MIN_LENGTH: "10" });
});
afterAll(() => rig?.stop());

function pick<T>(list: readonly T[], index: number): T | undefined {
  return list.length === 0 ? undefined : list[index % list.length];
}

function thingsOf(model: Model, kind: Kind): Thing[] {
  return [...model.things.values()].filter((thing) => thing.kind === kind);
}

/** An action with what it is called with. */
interface Call {
  action: FaroeAction;
  input: Input;
}

/** What the event calls: an action on things that there are, with slips now and then. */
function aim(model: Model, event: Attempt): Call {
  const action = event.is === "action" ? event.action : nextStep(model, event);
  const kind = kindOf(action);
  const things = event.is === "progress" && kind !== "session" ? [...model.things.values()] : thingsOf(model, kind);
  const thing = pick(things, event.which);
  const address = event.is === "action" ? event.address : event.which + event.whose;
  const input = {
    session: handle(aimSession(model, event, thing), event.slip !== 2),
    thing: handle(thing, event.slip !== 4),
    address: addresses[address % addresses.length] ?? "",
    password: aimPassword(model, event, action, thing),
    code: event.slip === 5 ? "AAAAAAAA" : (thing?.code ?? ""),
  };
  return { action, input };
}

/** The session itself, the one that a thing belongs to, or with a slip any. */
function aimSession(model: Model, event: Attempt, thing: Thing | undefined): Thing | undefined {
  if (thing?.kind === "session") return thing;
  const sessions = thingsOf(model, "session");
  const own = sessions.find(({ id }) => id === thing?.sessionId);
  return event.slip === 1 || !own ? pick(sessions, event.whose) : own;
}

function aimPassword(model: Model, event: Attempt, action: FaroeAction, thing: Thing | undefined): string {
  const user = thing && model.users.get(thing.userId);
  const isOld = action.startsWith("verify_") && event.slip !== 3;
  return isOld && user ? user.password : (passwords[event.password] ?? "");
}

/** A step of the flow of some thing: the first one that it lacks, or any other when there is a slip. */
function nextStep(model: Model, { which, slip }: { which: number; slip: number }): FaroeAction {
  const thing = pick([...model.things.values()], which);
  if (thing === undefined) return "create_signup";
  const { kind } = thing;
  if (slip === 0) return pick(steps[kind], which + slip) as FaroeAction;
  if (kind === "session")
    return pick<FaroeAction>([...steps.session, "create_signin", "create_user_password_reset"], which) as FaroeAction;
  const isDone = [
    kind === "signup" || kind === "user_email_address_update" ? thing.addressVerified : thing.identityVerified,
    kind === "user_email_address_update" ? thing.identityVerified : thing.password !== undefined,
  ].slice(0, steps[kind].length - 1);
  const next = isDone.indexOf(false);
  return steps[kind].at(next) as FaroeAction;
}

function handle(thing: Thing | undefined, right: boolean): Handle {
  return { id: thing?.id ?? nothing, right: right && thing !== undefined };
}

function argumentsOf(model: Model, action: FaroeAction, input: Input): Record<string, string> {
  const token = ({ id, right }: Handle) => (right ? (model.things.get(id)?.token ?? "") : `${id}.${nothing}`);
  return Object.fromEntries(
    faroeActions[action].arguments.map((name) => {
      if (name === "session_token") return [name, token(input.session)];
      if (name.endsWith("_token")) return [name, token(input.thing)];
      if (name.endsWith("email_address")) return [name, input.address];
      return [name, name === "password" ? input.password : input.code];
    }),
  );
}

/** So that there is somebody from the start. */
async function signUp(model: Model): Promise<void> {
  const [address = "", password = ""] = [addresses[0], passwords[0]];
  const input = { session: handle(undefined, false), thing: handle(undefined, false), address, password, code: "" };
  await carryOut(model, { action: "create_signup", input });
  for (const action of steps.signup) {
    const [thing] = thingsOf(model, "signup");
    await carryOut(model, { action, input: { ...input, thing: handle(thing, true), code: thing?.code ?? "" } });
  }
}

/** Lets one thing happen to server and model, and compares. The call that was made last. */
async function happen(model: Model, event: Event, last: Call | undefined): Promise<Call | undefined> {
  if (event.is === "time") {
    model.now += event.seconds;
    await rig.command({ command: "advance_clock", seconds: event.seconds });
  } else if (event.is === "disable" || event.is === "enable") {
    await setDisabled(pick([...model.users.values()], event.which), event.is === "disable");
  } else if (event.is === "blink") {
    const user = pick([...model.users.values()], event.which);
    for (const disabled of [!user?.disabled, user?.disabled]) await setDisabled(user, disabled === true);
  } else return call(model, event, last);
  return last;
}

async function call(
  model: Model,
  event: Attempt | Extract<Event, { is: "again" | "guesses" }>,
  last: Call | undefined,
): Promise<Call | undefined> {
  const next = event.is === "again" ? last : event.is === "guesses" ? aimGuess(model, event.which) : aim(model, event);
  const times = event.is === "again" || event.is === "guesses" ? event.times : 1;
  for (let time = 0; next && time < times; time++) await carryOut(model, next);
  return next;
}

/** A wrong code or password for one of the things that ask for one. */
function aimGuess(model: Model, which: number): Call | undefined {
  const asking = [...model.things.values()].filter(({ kind }) =>
    steps[kind].some((step) => step.startsWith("verify_")),
  );
  const thing = pick(asking, which);
  const action =
    thing &&
    pick(
      steps[thing.kind].filter((step) => step.startsWith("verify_")),
      which,
    );
  if (!thing || !action) return undefined;
  const session = handle(model.things.get(thing.sessionId), true);
  return { action, input: { session, thing: handle(thing, true), address: "", password: "wrong", code: "AAAAAAAA" } };
}

async function carryOut(model: Model, { action, input }: Call): Promise<void> {
  const args = argumentsOf(model, action, input);
  const verdict = createRules(model)[action](input);
  const answer = await rig.invoke(action, args);
  const code = answer.ok ? "ok" : answer.error_code;
  seen.add(`${action} ${code}`);
  expect([action, code]).toEqual([action, verdict.code]);
  const mails = rig.app.mailbox.splice(0);
  expect(mails.map(({ type }) => type)).toEqual(verdict.mails ?? []);
  if (verdict.shows) expect(answer.values[verdict.shows.kind]).toEqual(view(verdict.shows));
  if (verdict.makes) learn(model, verdict, answer.values, mails[0]?.code ?? "");
}

/** Takes over what only the server can choose. */
function learn(model: Model, verdict: Verdict, values: Record<string, unknown>, code: string): void {
  const made = verdict.makes as Thing;
  const { id, user_id: userId = "" } = values[made.kind] as { id: string; user_id?: string };
  if (verdict.makesUser) model.users.set(userId, { ...verdict.makesUser, id: userId });
  const thing = { ...made, id, code, userId, token: values[`${made.kind}_token`] as string };
  model.things.set(id, thing);
  expect(values[made.kind]).toEqual(view(thing));
}

async function setDisabled(user: ModelUser | undefined, disabled: boolean): Promise<void> {
  if (user === undefined || user.disabled === disabled) return;
  user.disabled = disabled;
  user.counters.disabled++;
  await rig.users.change(user.id, { disabled, disabled_counter: user.counters.disabled });
}

function expectSameUsers(model: Model): void {
  const theirs = rig.app.users.map((user) => ({
    id: user.id,
    address: user.email_address,
    disabled: user.disabled,
    counters: {
      email: user.email_address_counter,
      password: user.password_hash_counter,
      disabled: user.disabled_counter,
      sessions: user.sessions_counter,
    },
  }));
  expect(theirs).toEqual([...model.users.values()].map(({ password: _, ...user }) => user));
}

const sequences = fc.array(anEvent, { minLength: 60, maxLength: 120, size: "max" });

test("whatever happens in whatever order, all flows through, the server answers as the model of the protocol", {
  timeout: patiently(60_000),
}, async () => {
  const property = fc.asyncProperty(sequences, async (events) => {
    await begin(rig);
    const model = createModel(noon);
    let last: Call | undefined;
    await signUp(model);
    for (const event of events) last = await happen(model, event, last);
    expectSameUsers(model);
  });
  await fc.assert(property, {
    numRuns: 1_000,
    interruptAfterTimeLimit: patiently(8_000),
    markInterruptAsFailure: false,
  });
  // Had they come to refusals alone, little would have been shown.
  const completed = actions.filter((action) => seen.has(`${action} ok`));
  expect(completed.length).toBeGreaterThan(20);
  expect(seen.size).toBeGreaterThan(60);
});
