import type { AccountPreferences, SwitchableMailType } from "@anteroom/shared/wire/app/accounts";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { app, queries } from "../api/client.ts";
import { errorOf } from "../api/errors.ts";
import { AskPassword, atPassword } from "../ui/ask-password.tsx";
import { type Failure, FailureNote, Form, useSubmission } from "../ui/form.tsx";
import { Loading } from "../ui/page.tsx";
import { accountWords } from "../words/account.ts";
import { useLanguage, useWords } from "../words/language.tsx";
import { languages, languageTags } from "../words/languages.ts";
import { preferencesQuery } from "./queries.ts";
import { Done, Section } from "./section.tsx";

export function AccountMails({ title }: { title: string }) {
  const { data, error } = useQuery(preferencesQuery);
  return (
    <Section id="mails" title={title}>
      {data && <Choices preferences={data} />}
      {!data && (error ? <FailureNote failure={{ error: errorOf(error) }} /> : <Loading />)}
    </Section>
  );
}

function Choices({ preferences }: { preferences: AccountPreferences }) {
  const text = useWords(accountWords).mails;
  const { setLanguage } = useLanguage();
  const [chosen, setChosen] = useState(preferences);
  const [isSaved, setSaved] = useState(false);
  const [isAsked, setAsked] = useState(false);
  const save = async (proof: { password?: string }): Promise<Failure | undefined> => {
    setSaved(false);
    const result = await app("POST /account/preferences/", { ...chosen, ...proof });
    setAsked(!result.ok && (proof.password !== undefined || result.error === "password_needed"));
    if (!result.ok) return result.error === "password_needed" ? undefined : atPassword(result);
    queries.setQueryData(preferencesQuery.queryKey, result.values);
    setLanguage(result.values.language);
    setSaved(true);
    return undefined;
  };
  const submission = useSubmission(() => save({}));
  const mails = Object.entries(chosen.mail) as [SwitchableMailType, boolean][];
  return (
    <>
      <Form submission={submission} action={text.save}>
        <fieldset className="choices">
          <legend>{text.language}</legend>
          <LanguageChoice chosen={chosen.language} onChoose={(language) => setChosen({ ...chosen, language })} />
        </fieldset>
        <fieldset className="choices">
          <legend>{text.mails}</legend>
          {mails.map(([type, isOn]) => (
            <label key={type} className="check">
              <input
                type="checkbox"
                name={type}
                checked={isOn}
                onChange={() => setChosen({ ...chosen, mail: { ...chosen.mail, [type]: !isOn } })}
              />
              {text.kinds[type]}
            </label>
          ))}
          <p className="field-hint">{text.more}</p>
        </fieldset>
        <Done>{isSaved && text.saved}</Done>
      </Form>
      {isAsked && (
        <AskPassword
          action={text.save}
          onPassword={(password) => save({ password })}
          onCancel={() => setAsked(false)}
        />
      )}
    </>
  );
}

type Tag = AccountPreferences["language"];

function LanguageChoice({ chosen, onChoose }: { chosen: Tag; onChoose: (tag: Tag) => void }) {
  return languageTags.map((tag) => (
    <label key={tag} className="check" lang={tag}>
      <input type="radio" name="language" checked={chosen === tag} onChange={() => onChoose(tag)} />
      {languages[tag]}
    </label>
  ));
}
