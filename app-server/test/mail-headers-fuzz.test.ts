import { randomBytes } from "node:crypto";
import { patiently } from "@anteroom/shared/testing/patience";
import { isEmailAddress } from "@anteroom/shared/wire/email-address";
import { languages } from "@anteroom/shared/wire/languages";
import fc from "fast-check";
import { createTransport } from "nodemailer";
import PostalMime from "postal-mime";
import { expect, test } from "vitest";
import { createCredentials } from "../src/credentials.ts";
import { createComposer } from "../src/mail/compose/compose.ts";
import { messageOf } from "../src/mail/compose/message.ts";
import { mailTypes } from "../src/mail/kinds.ts";
import type { DueMail } from "../src/mail/request.ts";
import { readSettings } from "../src/settings.ts";

const settings = readSettings({
  BACKEND_DATABASE_URL: "postgres://nobody@localhost/none",
  BACKEND_SECRET: randomBytes(32).toString("base64"),
  BACKEND_FRONTEND_ORIGIN: "https://people.example",
});
const compose = createComposer(settings, createCredentials(settings.secret));
const transport = createTransport({ streamTransport: true, buffer: true, newline: "windows" });

const headersOfEveryMail = [
  "auto-submitted",
  "content-type",
  "date",
  "from",
  "message-id",
  "mime-version",
  "subject",
  "to",
];
const headersOfNotices = ["list-id", "list-unsubscribe", "list-unsubscribe-post"];

/** The mail as a mail program reads it, made and written as for a relay. */
async function readBack(mail: DueMail) {
  const composed = await compose(mail);
  const { message, envelope } = await transport.sendMail(messageOf(settings, composed, mail));
  const source = (message as Buffer).toString();
  return { composed, recipients: envelope.to, source, parsed: await PostalMime.parse(source) };
}

const nasty = fc.constantFrom(
  "\r\nBcc: z@example.com",
  "\n\n<script>alert(1)</script>",
  "\r\n.\r\n",
  "\r\n--boundary--\r\n",
  "=?utf-8?q?=0D=0ABcc:_z@example.com?=",
  "\u2028Bcc: z@example.com",
  "\u0085Bcc: z@example.com",
  "\u202eevil\u2066",
  "\ud800",
  "\0",
  '", <z@example.com>, "',
  "{{ code }}{% if",
);
const pieces = fc.oneof(
  nasty,
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.emailAddress(),
);
const text = fc.array(pieces, { maxLength: 6 }).map((all) => all.join(""));
const value = fc.oneof(text, fc.string({ unit: "grapheme", minLength: 100, maxLength: 400 }));
/** The listeners refuse control characters; here they get in. */
const address = fc
  .oneof(
    { weight: 2, arbitrary: fc.emailAddress() },
    text.map((all) => all.trim()),
    fc.tuple(text, fc.domain()).map(([local, domain]) => `${local}@${domain}`),
  )
  .filter((all) => all !== "");

const dueMail: fc.Arbitrary<DueMail> = fc
  .record({
    id: fc.uuid(),
    type: fc.constantFrom(...mailTypes),
    language: fc.constantFrom(...languages),
    email: address,
    code: fc.oneof(fc.constant("K7PMX2Q9"), value),
    registrationId: fc.constant("r".repeat(24)),
    userId: fc.constant("u".repeat(24)),
    values: fc.dictionary(
      fc.constantFrom("displayName", "firstname", "lastname", "email", "newEmail", "timestamp", "reason", "subject"),
      value,
    ),
  })
  .map((mail) => ({ ...mail, createdAt: new Date("2026-01-02T03:04:05Z") }));

test("R43, S-47: whatever names and addresses hold, a mail has our headers, one recipient, and reads back as composed", {
  timeout: patiently(30_000),
}, async () => {
  await fc.assert(
    fc.asyncProperty(dueMail, async (mail) => {
      const { composed, recipients, source, parsed } = await readBack(mail);
      const isNotice = composed.unsubscribeUrl !== undefined;
      const names = [...new Set(parsed.headers.map(({ key }) => key))].sort();
      expect(names).toEqual([...headersOfEveryMail, ...(isNotice ? headersOfNotices : [])].sort());
      expect(parsed.headers).toHaveLength(names.length);
      expect(recipients).toHaveLength(1);
      expect(parsed.subject).toBe(composed.subject);
      expect(parsed.text?.replaceAll("\r\n", "\n").trimEnd()).toBe(composed.text.trimEnd());
      expect(parsed.html?.replaceAll("\r\n", "\n").trimEnd()).toBe(composed.html.trimEnd());
      expect(source.split("\r\n\r\n")[0]).not.toMatch(/\r(?!\n)|(?<!\r)\n/);
    }),
    { numRuns: 200 },
  );
});

test("R43: addresses that people may register with arrive as they were written", {
  timeout: patiently(30_000),
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.emailAddress().filter(isEmailAddress), async (email) => {
      const mail = {
        id: "x",
        type: "password_updated",
        language: "en",
        email,
        values: {},
        createdAt: new Date(),
      } as const;
      const { parsed, recipients } = await readBack(mail);
      expect(parsed.to).toEqual([{ address: email, name: "" }]);
      expect(recipients).toEqual([email]);
    }),
    { numRuns: 100 },
  );
});

test("R43: a header folded at a space that is none of ASCII's stays one header", async () => {
  const email = `${"a".repeat(70)}\u2028Bcc: z@example.com@b.example`;
  const mail = { id: "x", type: "password_updated", language: "en", email, values: {}, createdAt: new Date() } as const;
  const lines = (await readBack(mail)).source.split("\r\n\r\n")[0]?.split("\r\n");
  expect(lines?.every((line) => /^([!-9;-~]+:| )/.test(line))).toBe(true);
});
