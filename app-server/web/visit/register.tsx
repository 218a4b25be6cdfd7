import { useState } from "react";
import { Link, useLocation } from "wouter";
import { app } from "../api/client.ts";
import { site } from "../api/site.ts";
import { useKept } from "../ui/clean-address.ts";
import { type Failure, Form, failureOf, LinesField, useSubmission } from "../ui/form.tsx";
import { Page } from "../ui/page.tsx";
import { useLanguage, useWords } from "../words/language.tsx";
import { visitWords } from "../words/visit.ts";
import { forgetOwnRequest } from "./own-request.tsx";
import { nobody, PersonFields } from "./person-fields.tsx";
import { Progress } from "./progress.tsx";

const nothing = { ...nobody, message: "" };

export function RegisterPage() {
  const text = useWords(visitWords).register;
  const { language } = useLanguage();
  const [, navigate] = useLocation();
  const [{ message, ...person }, setTyped] = useKept(nothing);
  // The same request has the same key, however often it is sent: its answer may get lost.
  const [requestKey, setRequestKey] = useState(newRequestKey);
  const change = (typed: (before: typeof nothing) => Partial<typeof nothing>) => {
    setTyped((before) => ({ ...before, ...typed(before) }));
    setRequestKey(newRequestKey());
  };
  const submission = useSubmission(async (): Promise<Failure | undefined> => {
    const result = await app("POST /auth/request_registration", {
      ...person,
      ...(site.message ? { message } : {}),
      language,
      request_key: requestKey,
    });
    if (!result.ok) return failureOf(result);
    forgetOwnRequest();
    navigate(`/account/signup?token=${encodeURIComponent(result.values.registration_token)}`);
    return undefined;
  });
  return (
    <Page title={text.title} lead={text.lead} above={<Progress at={0} />}>
      <Form submission={submission} action={text.send}>
        <PersonFields person={person} onPerson={change} failure={submission.failure} addressHint={text.emailHint} />
        {site.message && (
          <LinesField
            label={site.message.question || text.message}
            name="message"
            value={message}
            onValue={(given) => change(() => ({ message: given }))}
            hint={text.messageHint(site.message.isNeeded)}
            failure={submission.failure}
            maxLength={2_000}
            required={site.message.isNeeded}
          />
        )}
      </Form>
      <p className="aside">
        {text.already} <Link href="/account/login">{text.signIn}</Link>
      </p>
    </Page>
  );
}

function newRequestKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
