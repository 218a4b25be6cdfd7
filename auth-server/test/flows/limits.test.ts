import type { GuessLimit } from "@anteroom/shared/runtime/guesses";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { guessLimits, limits } from "../../src/limits/limits.ts";
import { advance, countOutcomes, noon, openSignup, outcome, password, signIn, succeed, verifyCode } from "../steps.ts";
import { carryThrough, emailAddressUpdate, passwordReset, prepare, userDeletion } from "./flow.ts";
import {
  begin,
  bySite,
  device,
  from,
  join,
  newPassword,
  type Person,
  publicly,
  type Rig,
  startRig,
  takeMail,
} from "./rig.ts";

const wrong = "wrong password, quite long";

let rig: Rig;
let attacker: Rig;
let owner: Rig;
let ada: Person;

beforeAll(async () => {
  rig = await startRig("app", { TRUSTED_PROXIES: "127.0.0.1" });
  attacker = from(rig, "203.0.113.1");
  owner = from(rig, "198.51.100.7");
});
afterAll(() => rig?.stop());
beforeEach(async () => {
  await begin(rig);
  ada = await join(from(rig, "192.0.2.1", bySite), "ada@example.com");
});

const stranger = (index: number) => from(rig, `203.${index >> 8}.${index & 255}.1`);

async function tryPassword(caller: Rig, address: string, text: string): Promise<string> {
  const { signin_token } = await succeed(caller, "create_signin", { user_email_address: address });
  return outcome(caller, "verify_signin_user_password", { signin_token, password: text });
}

const reset = (caller: Rig, address = ada.address) =>
  outcome(caller, "create_user_password_reset", { user_email_address: address });

/** The owner chooses a new password with what was mailed, and no code but that. */
async function resetBy(caller: Rig): Promise<string> {
  await carryThrough(caller, passwordReset, ada);
  return "ok";
}

/** The last of many tries at something. */
async function lastOf(count: number, call: (index: number) => Promise<string>): Promise<string> {
  let last = "";
  for (let index = 0; index < count; index++) last = await call(index);
  return last;
}

async function siblingOf(signup_token: string): Promise<string> {
  return (await succeed(rig, "create_sibling_signup", { signup_token })).signup_token;
}

/** Strangers spend a limit as far as they can; the last they hear. Then what the owner comes to. */
interface Scenario {
  attack: () => Promise<string>;
  refusal: string;
  owner: () => Promise<string>;
}

const scenarios: Record<keyof typeof limits | keyof typeof guessLimits, Scenario> = {
  passwordsByCaller: {
    attack: () => lastOf(26, (index) => tryPassword(attacker, `person-${index}@example.com`, wrong)),
    refusal: "rate_limited",
    owner: () => tryPassword(owner, ada.address, password),
  },
  signinsByCaller: {
    attack: () => lastOf(101, () => outcome(attacker, "create_signin", { user_email_address: ada.address })),
    refusal: "rate_limited",
    owner: async () => (await signIn(owner, ada.address)) && "ok",
  },
  codes: largeBucket("codes", "bob@example.com", async () => {
    const { signup_token, code } = await openSignup(from(rig, "192.0.2.1", bySite), "bob@example.com");
    return verifyCode(owner, signup_token, code);
  }),
  temporaryPasswords: largeBucket("temporaryPasswords", "ada", () => resetBy(owner)),
  signupMailsByCaller: signupMails(() => attacker),
  signupMails: signupMails((index) => stranger(index)),
  updateMailsByUser: updateMails(1, 6),
  updateMails: updateMails(1, 6),
  resetsByCaller: {
    attack: () => lastOf(11, (index) => reset(attacker, `person-${index}@example.com`)),
    refusal: "rate_limited",
    owner: () => resetBy(owner),
  },
  resetMailsByCaller: { attack: () => lastOf(6, () => reset(attacker)), refusal: "rate_limited", owner: ownersLink },
  resetMails: {
    attack: () => lastOf(6, (index) => reset(stranger(index))),
    refusal: "rate_limited",
    owner: ownersLink,
  },
  directResetMails: {
    attack: () => lastOf(7, (index) => reset(publicly(rig, `203.0.113.${index}`))),
    refusal: "ok",
    owner: async () => {
      const mails = rig.app.mailbox.filter(({ type }) => type === "password_reset");
      expect(mails).toHaveLength(limits.directResetMails.capacity);
      const mine = publicly(rig, "198.51.100.7");
      const begun = await succeed(mine, "create_user_password_reset", { user_email_address: ada.address });
      return outcome(mine, "verify_user_password_reset_temporary_password", {
        user_password_reset_token: begun.user_password_reset_token,
        temporary_password: mails.at(-1)?.code ?? "",
      });
    },
  },
  siteMails: {
    attack: async () => {
      const { signup_token } = await openSignup(from(rig, "192.0.2.1", bySite), "bob@example.com");
      const send = (index: number) =>
        outcome(stranger(index), "send_signup_email_address_verification_code", { signup_token });
      return lastOf(20, send);
    },
    refusal: "rate_limited",
    owner: () => outcome(from(rig, "192.0.2.1", bySite), "create_signup", { email_address: "bob@example.com" }),
  },
  lockMails: lock(() => resetBy(owner)),
  passwordByCaller: {
    attack: async () => {
      await rig.sql`insert into guesses values ('password_by_caller', ${ada.id}, '203.0.113.1', 20, ${noon}, ${noon + 86_400})`;
      return tryPassword(attacker, ada.address, wrong);
    },
    refusal: "password_locked",
    owner: () => tryPassword(owner, ada.address, password),
  },
  passwordByDevice: {
    attack: () =>
      lastOf(6, () => tryPassword(from(rig, "198.51.100.7", device("theirs", "eve", ada.id)), ada.address, wrong)),
    refusal: "rate_limited",
    owner: () => tryPassword(from(rig, "198.51.100.7", device("laptop", ada.id)), ada.address, password),
  },
  passwordByDevices: {
    attack: async () => {
      // Somebody's devices, as many as they like; their guesses at Ada are a stranger's all the same.
      await rig.sql`insert into guesses values ('password_by_devices', 'eve', '', 60, ${noon}, ${noon + 86_400})`;
      return tryPassword(from(rig, "203.0.113.1", device("stolen", "eve")), ada.address, wrong);
    },
    refusal: "incorrect_password",
    owner: () => tryPassword(from(rig, "198.51.100.7", device("laptop", ada.id)), ada.address, password),
  },
  password: lock(async () => {
    expect(await tryPassword(from(rig, "198.51.100.7", device("laptop", ada.id)), ada.address, password)).toBe("ok");
    const { args } = await prepare(owner, userDeletion, ada, 0);
    expect(await outcome(owner, "verify_user_deletion_user_password", { ...args, password })).toBe("ok");
    await resetBy(owner);
    return tryPassword(owner, ada.address, newPassword);
  }),
  codeByCaller: {
    attack: async () => {
      const { signup_token, code } = await openSignup(from(rig, "192.0.2.1", bySite), "bob@example.com");
      mailed = { token: await siblingOf(signup_token), code };
      const theirs = await siblingOf(signup_token);
      return lastOf(6, () => verifyCode(attacker, theirs, "AAAAAAAA"));
    },
    refusal: "rate_limited",
    owner: () => verifyCode(owner, mailed.token, mailed.code),
  },
  temporaryPasswordByCaller: {
    attack: async () => {
      const { args } = await passwordReset.begin(attacker, ada);
      const verify = "verify_user_password_reset_temporary_password";
      return lastOf(6, () => outcome(attacker, verify, { ...args, temporary_password: wrong }));
    },
    refusal: "rate_limited",
    owner: () => resetBy(owner),
  },
  updateCode: {
    attack: async () => {
      const eve = await join(from(rig, "192.0.2.1", bySite), "eve@example.com");
      const { args } = await emailAddressUpdate.begin(attacker, eve);
      const verify = "verify_user_email_address_update_email_address_verification_code";
      return lastOf(6, () => outcome(attacker, verify, { ...args, email_address_verification_code: "AAAAAAAA" }));
    },
    refusal: "rate_limited",
    owner: async () => (await carryThrough(owner, emailAddressUpdate, ada)) && "ok",
  },
};

let mailed = { token: "", code: "" };

/** As much as a thousand callers at their own limits spend in a day: 12 in the first hour, then one an hour. */
function largeBucket(
  name: "codes" | "temporaryPasswords",
  subject: string,
  ownersWay: () => Promise<string>,
): Scenario {
  const { kind, interval } = limits[name];
  return {
    attack: async () => {
      const key = subject === "ada" ? ada.id : subject;
      await rig.sql`insert into rate_limits values (${kind}, ${key}, ${noon + 36_000 * interval - 86_400})`;
      return "spent";
    },
    refusal: "spent",
    owner: ownersWay,
  };
}

/** The code was mailed less than a quarter of an hour ago, and is good. */
function signupMails(caller: (index: number) => Rig): Scenario {
  return {
    attack: async () => {
      const { signup_token, code } = await openSignup(from(rig, "192.0.2.1", bySite), "bob@example.com");
      mailed = { token: signup_token, code };
      const send = (index: number) =>
        outcome(caller(index), "send_signup_email_address_verification_code", { signup_token });
      return lastOf(11, send);
    },
    refusal: "rate_limited",
    owner: async () => {
      const last = rig.app.mailbox.findLast(({ type }) => type === "signup_verification");
      return verifyCode(owner, mailed.token, last?.code ?? "");
    },
  };
}

function updateMails(members: number, mails: number): Scenario {
  return {
    attack: async () => {
      const eve = await join(from(rig, "192.0.2.1", bySite), `eve-${members}@example.com`);
      const args = { session_token: eve.session_token, new_email_address: "ada@new.example" };
      const last = await lastOf(mails, () => outcome(attacker, "create_user_email_address_update", args));
      rig.app.mailbox.length = 0;
      return last;
    },
    refusal: "rate_limited",
    owner: async () => (await carryThrough(owner, emailAddressUpdate, ada)) && "ok",
  };
}

/** Either a link is mailed, or the one that was mailed last works: the app server keeps its token behind it. */
async function ownersLink(): Promise<string> {
  const [begun] = [await owner.invoke("create_user_password_reset", { user_email_address: ada.address })];
  if (begun.ok) return "ok";
  const last = rig.app.mailbox.findLast(({ type }) => type === "password_reset");
  const [link] = await rig.sql`select id, expires_at from user_changes where user_id = ${ada.id}
    order by created_at desc, expires_at desc limit 1`;
  return last?.code && Number(link?.expires_at) - noon > limits.resetMails.interval ? "ok" : "no link";
}

function lock(ownersWay: () => Promise<string>): Scenario {
  return {
    attack: async () => {
      await countOutcomes(100, (index) => tryPassword(stranger(index), ada.address, wrong));
      await takeMail(rig, "password_locked");
      return tryPassword(stranger(200), ada.address, wrong);
    },
    refusal: "password_locked",
    owner: ownersWay,
  };
}

describe("no budget of a person can be spent by a stranger", () => {
  test.each(Object.entries(scenarios))("S-F1, S-18, R10: %s", async (_, { attack, refusal, owner: ownersWay }) => {
    expect(await attack()).toBe(refusal);
    expect(await ownersWay()).toBe("ok");
  });

  test("every limit says who pays and who is harmed; what strangers pay harms nobody, or says what is left to the owner", () => {
    for (const limit of [...Object.values(limits), ...Object.values<GuessLimit>(guessLimits)])
      if (limit.paidBy === "anybody") expect(limit.harms, limit.kind).toMatch(/^nobody|link|two other members/);
    const kinds = [...Object.values(limits), ...Object.values(guessLimits)].map(({ kind }) => kind);
    expect(new Set(kinds).size).toBe(kinds.length);
  });
});

test.each<[what: string, change: () => Promise<unknown>]>([
  ["has another password", () => rig.users.change(ada.id, { password_hash_counter: 1 })],
  ["has changed the address and come back", () => rig.users.change(ada.id, { email_address_counter: 2 })],
  ["was disabled for a time", () => rig.users.change(ada.id, { disabled_counter: 2 })],
  [
    "is another person",
    async () => {
      await rig.users.change(ada.id, { email_address: "former@example.com" });
      await join(from(rig, "192.0.2.1", bySite), ada.address);
    },
  ],
])(
  "S-F1, S-F11: a temporary password that was mailed is good for no further reset when the owner %s",
  async (_, change) => {
    for (let index = 0; index < 6; index++) expect(await reset(publicly(rig, `203.0.113.${index}`))).toBe("ok");
    await change();
    expect(await reset(publicly(rig, "198.51.100.7"))).toBe("rate_limited");
  },
);

test("S-F1, S-18: five mails with a code for one caller and address; other callers and addresses have their own", async () => {
  const ask = (caller: Rig, address: string) => outcome(caller, "create_signup", { email_address: address });
  expect(await countOutcomes(6, () => ask(attacker, "bob@example.com"))).toEqual({ ok: 5, rate_limited: 1 });
  expect(await ask(attacker, "carol@example.com")).toBe("ok");
  expect(await ask(owner, "bob@example.com")).toBe("ok");
});

test("S-F1, S-17: nobody can say on the public listener that the site causes a mail", async () => {
  const pretender = publicly(rig, "203.0.113.1", bySite);
  const outcomes = await countOutcomes(11, (index) => reset(pretender, `person-${index}@example.com`));
  expect(outcomes).toEqual({ ok: 10, rate_limited: 1 });
});

test("S-F1a: a stranger's resets for an address do not stop its approval; S-F1c: nor do they tell of mails to it", async () => {
  const resetsFor = async (address: string) => {
    const outcomes = [];
    for (let time = 0; time < 7; time++) outcomes.push(await reset(stranger(time), address));
    return outcomes;
  };
  const site = from(rig, "192.0.2.1", bySite);
  for (let mail = 0; mail < 3; mail++) await openSignup(site, "bob@example.com");
  expect(await resetsFor("bob@example.com")).toEqual(await resetsFor("nobody@example.com"));
  expect(await outcome(site, "create_signup", { email_address: "bob@example.com" })).toBe("ok");
  expect(await reset(from(rig, "192.0.2.1", bySite), ada.address)).toBe("ok");
});

describe("callers of one network, such as the /48 that is given to whoever asks", () => {
  const member = (index: number) => from(rig, `2001:db8:7:${index.toString(16)}::1`);
  const neighbour = () => from(rig, "2001:db8:7:ffff::7");
  const elsewhere = () => from(rig, "2001:db8:8:1::7");

  /** How much was spent of a bucket that all callers share. */
  async function spentOf(bucket: "codes" | "temporaryPasswords"): Promise<number> {
    const { kind, interval } = limits[bucket];
    const [row] = await rig.sql`select max(full_at) as full_at from rate_limits where kind = ${kind}`;
    return Math.round((Number(row?.full_at) - noon) / interval);
  }

  test("S-F3: do not empty the bucket of all callers for a sign-up's code, nor keep its owner waiting", async () => {
    const { signup_token, code } = await openSignup(from(rig, "192.0.2.1", bySite), "bob@example.com");
    const theirs = await siblingOf(signup_token);
    const counts = await countOutcomes(120, (index) => verifyCode(member(index), theirs, "AAAAAAAA"));
    expect(counts).toEqual({ incorrect_email_address_verification_code: 50, rate_limited: 70 });
    expect(await spentOf("codes")).toBe(50);
    expect(await verifyCode(elsewhere(), signup_token, code)).toBe("ok");
  });

  test("S-F3: nor that for a temporary password", async () => {
    const { args, code } = await passwordReset.begin(owner, ada);
    const verify = "verify_user_password_reset_temporary_password";
    const counts = await countOutcomes(80, (index) =>
      outcome(member(index), verify, { ...args, temporary_password: wrong }),
    );
    expect(counts).toEqual({ incorrect_temporary_password: 50, rate_limited: 30 });
    expect(await spentOf("temporaryPasswords")).toBe(50);
    expect(await outcome(elsewhere(), verify, { ...args, temporary_password: code })).toBe("ok");
  });

  test("S-F2, S-F3: never come to the hundred wrong passwords", async () => {
    const guess = (index: number) => tryPassword(member(index), ada.address, wrong);
    let more = 0;
    for (let index = 0; index < 30; index++)
      expect(await guess(index)).toBe(index < 20 ? "incorrect_password" : "rate_limited");
    for (let hour = 0; hour < 30; hour++) {
      await advance(rig, 3600);
      if ((await guess(100 + hour)) === "incorrect_password") more++;
    }
    expect(more).toBe(20);
    expect(await guess(300)).toBe("password_locked");
    expect(await tryPassword(elsewhere(), ada.address, password)).toBe("ok");
  });

  test("S-F2: whoever shares their network is mailed a link at their last, and gets in with it from there", async () => {
    const { kind } = guessLimits.passwordByCaller;
    await rig.sql`insert into guesses values (${kind}, ${ada.id}, '2001:db8:7::/48', 39, ${noon - 3600}, ${noon + 86_400})`;
    expect(await tryPassword(member(1), ada.address, wrong)).toBe("incorrect_password");
    await takeMail(rig, "password_locked");
    expect(await tryPassword(neighbour(), ada.address, password)).toBe("password_locked");
    expect(await resetBy(neighbour())).toBe("ok");
    expect(await tryPassword(neighbour(), ada.address, newPassword)).toBe("ok");
  });

  test("S-F3: have ten times what one has of sign-ins, of passwords for whichever account and of resets", async () => {
    const shared = [limits.signinsByCaller, limits.passwordsByCaller, limits.resetsByCaller];
    for (const { kind, capacity, interval } of shared)
      await rig.sql`insert into rate_limits values (${kind}, '2001:db8:7::/48', ${noon + capacity * interval - interval / 10})`;
    expect(await tryPassword(member(1), "person-1@example.com", wrong)).toBe("incorrect_password");
    expect(await outcome(member(2), "create_signin", { user_email_address: "person-2@example.com" })).toBe(
      "rate_limited",
    );
    const { signin_token } = await succeed(elsewhere(), "create_signin", {
      user_email_address: "person-2@example.com",
    });
    const guess = (caller: Rig) => outcome(caller, "verify_signin_user_password", { signin_token, password: wrong });
    expect(await guess(member(2))).toBe("rate_limited");
    expect(await guess(elsewhere())).toBe("incorrect_password");
    expect(await reset(member(1), "person-1@example.com")).toBe("ok");
    expect(await reset(member(2), "person-2@example.com")).toBe("rate_limited");
    expect(await reset(elsewhere())).toBe("ok");
  });

  test("R9: a right password costs neither caller nor network", async () => {
    for (let time = 0; time < 30; time++) expect(await tryPassword(member(time), ada.address, password)).toBe("ok");
    const [row] = await rig.sql`select count(*)::int as rows from rate_limits
      where kind = ${limits.passwordsByCaller.kind} and full_at > ${noon}`;
    expect(row?.rows).toBe(0);
    expect(await rig.sql`select from guesses where kind like 'password%'`).toHaveLength(0);
  });
});

test("R10: behind one IPv4 address, whoever's tries a stranger has used up is mailed a link once a day, and gets in", async () => {
  const { kind } = guessLimits.passwordByCaller;
  const spend = async (address: string) => {
    await rig.sql`insert into guesses values (${kind}, ${ada.id}, ${address}, 19, ${noon - 3600}, ${noon + 86_400})`;
    expect(await tryPassword(from(rig, address), ada.address, wrong)).toBe("incorrect_password");
  };
  await spend("198.51.100.7");
  await takeMail(rig, "password_locked");
  expect(await tryPassword(owner, ada.address, password)).toBe("password_locked");
  expect(await resetBy(owner)).toBe("ok");
  expect(await tryPassword(owner, ada.address, newPassword)).toBe("ok");
  rig.app.mailbox.length = 0;
  for (let index = 1; index < 4; index++) await spend(`203.0.113.${index}`);
  expect(rig.app.mailbox.filter(({ type }) => String(type) === "password_locked")).toEqual([]);
});

test("R38: a thousand callers who ask without end have an address mailed four an hour of each kind", async () => {
  await countOutcomes(60, (index) => reset(stranger(index)));
  await countOutcomes(60, (index) => reset(publicly(rig, `203.0.113.${index}`)));
  await expect.poll(() => rig.app.mailbox.length).toBe(5 + 5);
  rig.app.mailbox.length = 0;
  for (let quarter = 0; quarter < 4; quarter++) {
    await advance(rig, 900);
    await countOutcomes(10, (index) => reset(stranger(1000 + quarter * 10 + index)));
    await countOutcomes(10, (index) => reset(publicly(rig, `203.0.${quarter + 1}.${index}`)));
  }
  await expect.poll(() => rig.app.mailbox.length).toBe(4 + 4);
});
