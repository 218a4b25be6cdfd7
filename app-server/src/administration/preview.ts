import { randomUUID } from "node:crypto";
import type { PreviewedType } from "@anteroom/shared/wire/app/oversight";
import { normalizeEmailAddress } from "@anteroom/shared/wire/email-address";
import type { AppContext } from "../context.ts";
import { findPerson } from "./people-store.ts";

export interface PreviewRequest {
  type: PreviewedType;
  email: string;
  reason: string;
}

/** The mail that a decision would send, in the person's language. Code and link are made up: they open nothing. */
export async function previewMail(context: AppContext, { type, email, reason }: PreviewRequest) {
  const { settings, credentials, clock, db } = context;
  const person = await findPerson(db, normalizeEmailAddress(email));
  // As where mails are sent, what they are made of is loaded when there is one to write.
  const { createComposer } = await import("../mail/compose/compose.ts");
  const compose = createComposer(settings, credentials);
  const { subject, text, html } = await compose({
    id: randomUUID(),
    type,
    email,
    ...(type === "signup_verification" ? { code: "ABCD2345", registrationId: "preview" } : {}),
    values: valuesOf(type, `${person?.firstname ?? ""} ${person?.lastname ?? ""}`.trim(), reason),
    language: person?.language ?? settings.language,
    createdAt: new Date(clock.now() * 1_000),
  });
  return { subject, text, html };
}

/** As the rules give them that ask for such a mail. */
function valuesOf(type: PreviewRequest["type"], displayName: string, reason: string): Record<string, string> {
  if (type === "registration_rejected") return { displayName, ...(reason ? { reason } : {}) };
  return type === "account_ready" ? { displayName } : {};
}
