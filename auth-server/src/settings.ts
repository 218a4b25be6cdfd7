import {
  createSettingsReader,
  defaultPrivateHost,
  type Environment,
  readCommonSettings,
  type SettingsReader,
} from "@anteroom/shared/runtime/settings";
import { type HashParameters, isStrongEnough, parseHashAlgorithm } from "./passwords/hash-algorithm.ts";

export type Settings = ReturnType<typeof readSettings>;

/** Reads AUTH_* and the shared settings. Throws one SettingsError that names every fault. Durations are seconds. */
export function readSettings(environment: Environment) {
  const reader = createSettingsReader(environment);
  const common = readCommonSettings(reader, "AUTH", [12_770, 12_771]);
  const strict = reader.flag("AUTH_FAROE_STRICT", false);
  const settings = Object.freeze({
    ...common,
    strict,
    /** Where users live: behind the app server's `/invoke`, or in this server's own database. */
    userStore: reader.choice("AUTH_USER_STORE", ["app", "local"], "app"),
    appServerUrl: reader.baseUrl("AUTH_APP_SERVER_URL", `http://${defaultPrivateHost()}:12790`),
    /** Milliseconds. */
    invokeTimeout: reader.duration("AUTH_INVOKE_TIMEOUT", "5s") * 1000,
    /** Milliseconds. */
    emailTimeout: reader.duration("AUTH_EMAIL_TIMEOUT", "10s") * 1000,
    corsOrigins: reader.origins("AUTH_CORS_ORIGINS", ["http://127.0.0.1:12780"]),
    /** Bytes. Faroe has no limit; its recordings send a megabyte. */
    bodyLimit: strict ? 2 * 1024 * 1024 : 16 * 1024,
    expiration: readExpirations(reader, strict),
    sessionInactivity: reader.duration("AUTH_SESSION_INACTIVITY", strict ? "30d" : "14d"),
    passwordHash: readHash(reader, "AUTH_PASSWORD_HASH", "argon2id.3.65536.1.32", common.testMode),
    temporaryPasswordHash: readHash(reader, "AUTH_TEMPORARY_PASSWORD_HASH", "argon2id.3.16384.1.32", common.testMode),
    /** How many passwords may wait to be hashed; whoever comes then is answered 503. */
    passwordQueue: reader.integer("AUTH_PASSWORD_QUEUE", 200, 1, 100_000),
    /** Code points. */
    passwordMinLength: reader.integer("AUTH_PASSWORD_MIN_LENGTH", strict ? 10 : 15, 8, 64),
    /** Code points. */
    passwordMaxLength: strict ? 100 : 256,
    passwordBlocklist: reader.optionalText("AUTH_PASSWORD_BLOCKLIST"),
    /** Names of the site and its owner, which do not make a password; nor does ours. */
    passwordContextWords: ["anteroom", ...reader.text("AUTH_PASSWORD_CONTEXT_WORDS", "").split(/[\s,]+/)].filter(
      Boolean,
    ),
    /** Of a service that knows breached passwords by the first digits of their SHA-1; none is asked without it. */
    passwordRangeUrl: reader.optionalText("AUTH_PASSWORD_RANGE_URL"),
    emailBlocklist: reader.optionalText("AUTH_EMAIL_BLOCKLIST"),
    userCheckInterval: reader.duration("AUTH_USER_CHECK_INTERVAL", strict ? "0s" : "10s"),
  });
  reader.finish("AUTH_");
  return settings;
}

/**
 * How long objects live. Faroe's defaults, but for sign-ups, whose code may be read tomorrow (R13), and sessions (R25).
 */
function readExpirations(reader: SettingsReader, strict: boolean) {
  return Object.freeze({
    /** 0: no absolute end. */
    session: reader.duration("AUTH_SESSION_EXPIRATION", strict ? "90d" : "30d"),
    signup: reader.duration("AUTH_SIGNUP_EXPIRATION", strict ? "20m" : "24h"),
    signin: reader.duration("AUTH_SIGNIN_EXPIRATION", "10m"),
    userEmailAddressUpdate: reader.duration("AUTH_USER_EMAIL_ADDRESS_UPDATE_EXPIRATION", "20m"),
    userPasswordUpdate: reader.duration("AUTH_USER_PASSWORD_UPDATE_EXPIRATION", "10m"),
    userDeletion: reader.duration("AUTH_USER_DELETION_EXPIRATION", "10m"),
    userPasswordReset: reader.duration("AUTH_USER_PASSWORD_RESET_EXPIRATION", "20m"),
  });
}

function readHash(reader: SettingsReader, name: string, fallback: string, testMode: boolean): HashParameters {
  const parameters = parseHashAlgorithm(reader.text(name, fallback));
  if (parameters === undefined) {
    reader.fault(`${name} is not of the form argon2id.passes.KiB.lanes.bytes, such as ${fallback}.`);
    return parseHashAlgorithm(fallback) as HashParameters;
  }
  if (!testMode && !isStrongEnough(parameters))
    reader.fault(`${name} is below OWASP's minimum for argon2id: use ${fallback} or more.`);
  return parameters;
}
