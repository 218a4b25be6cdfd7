import type { Client, Reply } from "./client.ts";
import { type MailFile, readMails, type Stack } from "./stack.ts";
import { waitUntil } from "./wait.ts";

export type Walk = Awaited<ReturnType<typeof createWalk>>;

export const goodPassword = "correct horse battery staple";

/** Whole stretches of the way from registering to being signed in, for tests that begin further on. */
export async function createWalk(stack: Stack, client: Client) {
  const admin = await client.adminCookie();

  const decide = (decision: string, email: string, more: object = {}): Promise<Reply> =>
    client.app.post(`/admin/${decision}/`, { email, ...more }, admin);

  async function mailsTo(address: string): Promise<MailFile[]> {
    await client.drainMail();
    return (await readMails(stack, address)).filter(({ to }) => to === address);
  }

  /** The newest mail of a kind to the address, which may be a moment later than the answer that promised it. */
  async function newestMail(address: string, type: MailFile["type"]): Promise<MailFile> {
    const find = async () => (await mailsTo(address)).filter((mail) => mail.type === type);
    return (await waitUntil(find, ({ length }) => length > 0)).at(-1) as MailFile;
  }

  /** Registered and approved. The token is that of the registration, the code that of the mail. */
  async function open(address: string): Promise<{ token: string; code: string }> {
    const token = await client.register(address);
    const accepted = await decide("accept_user", address);
    if (accepted.status !== 200) throw new Error(`Accepting ${address} failed: ${JSON.stringify(accepted.body)}`);
    const code = (await mailsTo(address)).at(-1)?.code;
    if (!code) throw new Error(`No code was mailed to ${address}.`);
    return { token, code };
  }

  /** A user with an account, signed in. */
  async function activate(address: string, password = goodPassword) {
    const { token, code } = await open(address);
    const { body } = await client.status(token);
    const completed = await client.completeSignup(body.signup_token, code, password);
    if (!completed.ok) throw new Error(`${address} could not complete: ${completed.error_code}`);
    const sessionToken: string = completed.values.session_token;
    const cookie = await client.setSession(sessionToken);
    return { userId: completed.values.session.user_id as string, token, code, sessionToken, session: { cookie } };
  }

  /** Every column of the address's registrations, to see that nothing changed. */
  async function rows(address: string): Promise<string[]> {
    const found = await stack.sql<{ row: string }[]>`
      select state::text || coalesce(newusers::text, '') as row from registration_state state
      left join newusers on newusers.registration_id = state.id
      where state.email = ${address.trim().toLowerCase()} order by state.created_at, state.id`;
    return found.map(({ row }) => row);
  }

  async function states(address: string): Promise<string[]> {
    const found = await stack.sql<{ state: string }[]>`
      select state from registration_state where email = ${address} order by state, created_at`;
    return found.map(({ state }) => state);
  }

  return { admin, decide, mailsTo, newestMail, open, activate, rows, states };
}
