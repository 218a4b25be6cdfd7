import type { Client } from "./client.ts";
import { readMails, type Stack } from "./stack.ts";

/** Everything the database holds of a person who waits or is approved. */
export async function readRows(stack: Stack, email: string) {
  const [registration] = await stack.sql`select * from registration_state where email = ${email}`;
  const [newuser] = await stack.sql`select * from newusers where email = ${email}`;
  return { registration, newuser };
}

/** The mails with a code to one address, oldest first. */
export async function readCodeMails(stack: Stack, email: string) {
  return (await readMails(stack, email)).filter(({ type }) => type === "signup_verification");
}

/** From the newest mail to the end, as its reader would. The answer of the last step. */
export async function activate(stack: Stack, client: Client, email: string) {
  await client.drainMail();
  const mail = (await readCodeMails(stack, email)).at(-1);
  const token = new URL(mail?.link ?? "no:link").searchParams.get("token") ?? "";
  const { signup_token } = (await client.status(token)).body;
  return client.completeSignup(signup_token, mail?.code ?? "");
}
