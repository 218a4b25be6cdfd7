import { type SwitchableMailType, switchableMailTypes } from "@anteroom/shared/wire/app/accounts";
import type { Language } from "@anteroom/shared/wire/languages";
import type { AppContext } from "../context.ts";
import { mailKinds } from "../mail/kinds.ts";
import { findPreferences, storeMailPreference } from "../mail/opt-out/preference-store.ts";
import { type Caller, storeLanguage } from "./store.ts";

export interface ShownPreferences {
  language: Language;
  mail: Partial<Record<SwitchableMailType, boolean>>;
}

export interface PreferenceChanges {
  language?: Language | undefined;
  mail?: Partial<Record<SwitchableMailType, boolean>> | undefined;
}

/** What a person may choose, and what holds for them. Undefined when their account was deleted meanwhile. */
export async function readPreferences(
  { db, settings }: AppContext,
  { userId, permissions }: Caller,
): Promise<ShownPreferences | undefined> {
  const found = await findPreferences(db, userId, settings.policy);
  if (!found) return undefined;
  const shown = switchableMailTypes.filter((type) => {
    const { audience } = mailKinds[type];
    return audience === undefined || permissions.includes(audience);
  });
  return {
    language: found.language ?? settings.language,
    mail: Object.fromEntries(shown.map((type) => [type, found.mail[type]])),
  };
}

const switchableNotices = switchableMailTypes.filter((type) => mailKinds[type].isSecurityNotice);

/** Whether a change would keep the owner from hearing of sign-ins and the like, which a thief of the session would like. */
export async function silencesNotices(
  { db, settings }: AppContext,
  userId: string,
  { mail = {} }: PreferenceChanges,
): Promise<boolean> {
  const unwanted = switchableNotices.filter((type) => mail[type] === false);
  if (unwanted.length === 0) return false;
  const found = await findPreferences(db, userId, settings.policy);
  return unwanted.some((type) => found?.mail[type] === true);
}

/** Changes what is given and leaves the rest. That there will be no notices of sign-ins is the last thing told by mail. */
export async function changePreferences(
  context: AppContext,
  { userId, email, firstname }: Caller,
  changes: PreferenceChanges,
): Promise<void> {
  const { language, mail = {} } = changes;
  const isSilenced = await silencesNotices(context, userId, changes);
  await context.db.transaction().execute(async (trx) => {
    if (language !== undefined) await storeLanguage(trx, userId, language);
    for (const type of switchableMailTypes) {
      const isOn = mail[type];
      if (isOn !== undefined) await storeMailPreference(trx, userId, type, isOn);
    }
    if (isSilenced)
      await context.mail.enqueue(trx, { type: "notices_off", email, userId, values: { displayName: firstname } });
  });
}
