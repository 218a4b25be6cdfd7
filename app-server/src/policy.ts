import type { SettingsReader } from "@anteroom/shared/runtime/settings";

export type Policy = ReturnType<typeof readPolicy>;

/**
 * The registration policy: what an operator may switch. Today the preset `dodeka`: an administrator approves first,
 * then the address is verified. Times are seconds.
 */
export function readPolicy(reader: SettingsReader) {
  return {
    preset: reader.choice("BACKEND_PRESET", ["dodeka"], "dodeka"),
    /** How long a registration waits for a decision, and an approved one for its owner. */
    registrationTtl: reader.duration("BACKEND_REGISTRATION_TTL", "14d"),
    /** How long rejected, withdrawn and expired registrations are kept for administrators to see. */
    retention: reader.duration("BACKEND_RETENTION", "30d"),
    /** How long the log of decisions is kept; the database refuses to delete what is younger than 90 days. */
    logRetention: Math.max(reader.duration("BACKEND_LOG_RETENTION", "365d"), 90 * 86_400),
    /** How long after a rejection a new request for the address changes nothing. */
    rejectCooldown: reader.duration("BACKEND_REJECT_COOLDOWN", "7d"),
    /** Whether a rejected person is told by mail. */
    decisionMail: reader.flag("BACKEND_DECISION_MAIL", true),
    /** `neutral` tells nobody whether an address is known; `dodeka_400` answers as the Dodeka backend did. */
    duplicateReply: reader.choice("BACKEND_DUPLICATE_REPLY", ["neutral", "dodeka_400"], "neutral"),
    /** The permission `member` lapses after this; `admin` never does. */
    permissionTtl: reader.duration("BACKEND_PERMISSION_TTL", "365d"),
    /** How long the link that confirms a new address works. */
    emailVerifyTtl: reader.duration("BACKEND_EMAIL_VERIFY_TTL", "20m"),
    setupLinkTtl: reader.duration("BACKEND_SETUP_LINK_TTL", "1h"),
  };
}

/** How long one attempt to open a sign-up may take before another may finish it. */
export const openingLease = 60;

/** How long a call back may still arrive after the connection to the auth server broke. */
export const callbackGrace = 15;

/** How long after its start the attempt of a process that died is left alone, for a call back still on its way. */
export const takeoverDelay = 3;
