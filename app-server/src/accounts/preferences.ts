import type { AppContext } from "../context.ts";
import { findPreferences, storeLanguage, storeMailPreference, switchableMailTypes } from "../mail/preferences.ts";
import type { Language, SwitchableMailType } from "../mail/types.ts";
import type { Caller } from "./session.ts";

export interface ShownPreferences {
  language: Language;
  mail: Partial<Record<SwitchableMailType, boolean>>;
}

export interface PreferenceChanges {
  language?: Language | undefined;
  mail?: Partial<Record<SwitchableMailType, boolean>> | undefined;
}

/** Mails that only people with a certain permission ever get. */
const audience: Partial<Record<SwitchableMailType, string>> = { approval_request: "admin" };

/** What a person may choose, and what holds for them. Undefined when their account was deleted meanwhile. */
export async function readPreferences(
  { db, settings }: AppContext,
  { userId, permissions }: Caller,
): Promise<ShownPreferences | undefined> {
  const found = await findPreferences(db, userId);
  if (!found) return undefined;
  const shown = switchableMailTypes.filter((type) => {
    const permission = audience[type];
    return permission === undefined || permissions.includes(permission);
  });
  return {
    language: found.language ?? settings.language,
    mail: Object.fromEntries(shown.map((type) => [type, found.mail[type]])),
  };
}

/** Whether a change would keep the owner from hearing of sign-ins, which a thief of the session would like. */
export async function silencesSignins(
  { db }: AppContext,
  userId: string,
  { mail }: PreferenceChanges,
): Promise<boolean> {
  return mail?.signin_notification === false && (await findPreferences(db, userId))?.mail.signin_notification === true;
}

/** Changes what is given and leaves the rest. That there will be no notices of sign-ins is the last thing told by mail. */
export async function changePreferences(
  context: AppContext,
  { userId, email, firstname }: Caller,
  changes: PreferenceChanges,
): Promise<void> {
  const { language, mail = {} } = changes;
  const isSilenced = await silencesSignins(context, userId, changes);
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
