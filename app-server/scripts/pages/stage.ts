import { type Site, startSite, type Visitor } from "../../test/support/visitor.ts";
import { goodPassword } from "../../test/support/walk.ts";

/** What is on the pages when they are pictured: real servers, and the people of an association on one day. */
export let site: Site;

export async function setStage(): Promise<void> {
  site = await startSite({
    env: {
      BACKEND_SITE_NAME: "Dodeka",
      BACKEND_APPROVAL_HOLD: "8s",
      BACKEND_CONTACT: "board@dodeka.example",
      BACKEND_MESSAGE: "optional",
      BACKEND_PRIVACY_URL: "https://dodeka.example/privacy",
    },
  });
}

/** Always the same day, so that the same pages make the same pictures. */
export const now = Date.UTC(2026, 0, 14, 10) / 1_000;
export const day = 86_400;

export interface Scene {
  name: string;
  title: string;
  locale?: string;
  /** What the window shows, not the whole page: something stays at its edge or over it. */
  isWindow?: true;
  /** Goes to the page and brings it into the state. */
  play: (visitor: Visitor) => Promise<unknown>;
}

export const people = [
  ["Grace", "Hopper"],
  ["Edsger", "Dijkstra"],
  ["Barbara", "Liskov"],
  ["Alan", "Turing"],
  ["Katherine", "Johnson"],
  ["Annie", "van der Berg-Oosterhuizen"],
  ["Radia", "Perlman"],
  ["Hedy", "Lamarr"],
  ["Tim", "Berners-Lee"],
  ["Frances", "Allen"],
  ["Niklaus", "Wirth"],
  ["Mary", "Jackson"],
] as const;

export function addressOf([firstname, lastname]: readonly [string, string]): string {
  return `${firstname}.${lastname.replaceAll(" ", "")}@example.com`.toLowerCase();
}

export async function setClocks(time: number): Promise<void> {
  await Promise.all([
    site.client.command("auth", "set_clock", { now: Math.round(time) }),
    site.client.command("app", "set_clock", { now: Math.round(time) }),
  ]);
}

export async function register(person: readonly [string, string]): Promise<string> {
  return site.client.register(addressOf(person), { firstname: person[0], lastname: person[1] });
}

export async function join(person: readonly [string, string]) {
  const address = addressOf(person);
  const token = await register(person);
  await site.walk.decide("accept_user", address);
  const code = (await site.walk.mailsTo(address)).at(-1)?.code ?? "";
  const { body } = await site.client.status(token);
  const { values } = await site.client.completeSignup(body.signup_token, code);
  return {
    userId: values.session.user_id as string,
    session: { cookie: await site.client.setSession(values.session_token) },
  };
}

/** A month of an association: people ask, two administrators decide, some become members. */
export async function fillMonth(): Promise<void> {
  for (let ago = 29; ago > 0; ago--) {
    await setClocks(now - ago * day);
    for (let turn = 0; turn < (ago * 7) % 5; turn++) {
      const person = [`Guest${ago}`, `Number${turn}`] as const;
      await register(person);
      await setClocks(now - ago * day + 1_800 * (turn + 1) * (ago % 4));
      await site.walk.decide(turn === 3 ? "reject_user" : "accept_user", addressOf(person));
    }
  }
  await site.stack.sql`delete from newusers`;
  await site.stack.sql`delete from registration_state`;
}

export async function fillQueue(): Promise<void> {
  await setClocks(now - 9 * day);
  await register(["Alan", "Turing"]);
  await site.walk.decide("reject_user", "alan.turing@example.com", { reason: "No membership number was given." });
  await site.stack
    .sql`update registration_state set created_at = created_at - ${60 * day}, decided_at = decided_at - ${60 * day}`;
  await site.walk.decide("reopen_registration", "alan.turing@example.com");
  for (const [index, person] of people.entries()) {
    await setClocks(now - (people.length - index) ** 2 * 3_600);
    if (person[1] !== "Turing") await register(person);
  }
  await site.client.register("second.hopper@example.org", { firstname: "Grace", lastname: "Hopper" });
}

export async function fillDecided(): Promise<void> {
  const approved = [
    ["Dorothy", "Vaughan"],
    ["Ken", "Thompson"],
    ["Margaret", "Hamilton"],
    ["Donald", "Knuth"],
  ] as const;
  for (const [index, person] of approved.entries()) {
    await setClocks(now - (5 - index) * 900);
    await register(person);
    await site.walk.decide("accept_user", addressOf(person));
  }
  const reason = "We could not find you among this year's members. Write to us when your membership has been paid.";
  for (const person of [
    ["Bob", "Bemer"],
    ["Mallory", "Smith"],
  ] as const) {
    await register(person);
    await site.walk.decide("reject_user", addressOf(person), person[0] === "Bob" ? { reason } : {});
  }
  await site.client.drainMail();
  const { sql } = site.stack;
  await sql`update mails set status = 'bounced', reason = '550 5.1.1 No such user here' where email_norm = 'ken.thompson@example.com'`;
  await sql`update mails set status = 'deferred', reason = '451 4.7.1 Greylisted, try again later', attempts = 3,
    next_try_at = ${now + 1_800} where email_norm = 'margaret.hamilton@example.com'`;
  await sql`update mails set status = 'failed', reason = '554 5.7.1 Refused by policy', attempts = 1 where email_norm = 'bob.bemer@example.com'`;
  await sql`insert into inbound_mails (mail_id, kind, outcome, reason, excerpt, received_at)
    values (null, 'other', 'unknown_mail', null, 'Subject: Out of office', ${now - 9_000})`;
  await sql`insert into inbound_mails (mail_id, kind, outcome, reason, excerpt, received_at)
    select id, 'delay', 'delayed', '4.2.2 Mailbox full', 'Action: delayed', ${now - 5_400} from mails
    where email_norm = 'margaret.hamilton@example.com'`;
  await sql`insert into inbound_mails (mail_id, kind, outcome, reason, excerpt, received_at)
    select id, 'bounce', 'bounced', reason, 'Reporting-MTA: dns; mx.example.com', ${now - 1_800} from mails
    where email_norm = 'ken.thompson@example.com'`;
}

/** The cookie of a session that a browser opened, this one or another. */
export async function signInWith(userAgent?: string): Promise<{ cookie: string }> {
  const visitor = await site.visit(userAgent ? { userAgent } : {});
  await visitor.signIn("grace@example.com", goodPassword);
  const cookie = (await visitor.page.context().cookies()).find(({ name }) => name === "__Host-session");
  await visitor.page.context().close();
  return { cookie: `${cookie?.name}=${cookie?.value}` };
}
