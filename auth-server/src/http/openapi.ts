import { type AuthAction, type AuthValueTypes, authActions } from "@anteroom/shared/wire/faroe";

type Schema = Record<string, unknown>;

const text: Schema = { type: "string" };
const flag: Schema = { type: "boolean" };
const time: Schema = { type: "integer", description: "Unix seconds." };
const timeOrNever: Schema = { type: ["integer", "null"], description: "Unix seconds; null when there is no end." };

type Members = { [Name in keyof AuthValueTypes]: Fields<AuthValueTypes[Name]> };
/** A text, or the schema of each field. Lists are of objects. */
type Fields<T> = T extends string ? Schema : T extends (infer Item)[] ? [Fields<Item>] : { [F in keyof T]: Schema };

const lifetime = { created_at: time, expires_at: time };

/** Every member that an answer may have. */
const members: Members = {
  signup: { id: text, email_address: text, email_address_verified: flag, password_set: flag, ...lifetime },
  signup_token: text,
  signin: { id: text, user_id: text, user_first_factor_verified: flag, ...lifetime },
  signin_token: text,
  session: { id: text, user_id: text, created_at: time, expires_at: timeOrNever },
  session_token: text,
  sessions: [{ id: text, created_at: time, last_active_at: time, user_agent: text, current: flag }],
  user_email_address_update: {
    id: text,
    user_id: text,
    session_id: text,
    new_email_address: text,
    new_email_address_verified: flag,
    user_identity_verified: flag,
    ...lifetime,
  },
  user_email_address_update_token: text,
  user_password_update: {
    id: text,
    user_id: text,
    session_id: text,
    user_identity_verified: flag,
    new_password_set: flag,
    ...lifetime,
  },
  user_password_update_token: text,
  user_deletion: { id: text, user_id: text, session_id: text, user_identity_verified: flag, ...lifetime },
  user_deletion_token: text,
  user_password_reset: {
    id: text,
    user_id: text,
    user_first_factor_verified: flag,
    new_password_set: flag,
    ...lifetime,
  },
  user_password_reset_token: text,
};

/**
 * The actions that the public listener serves as OpenAPI 3.1. All are one route, so each has a schema for what is sent
 * and one for what comes back, named after it.
 */
export function openApiDocument(actions: readonly AuthAction[]) {
  const schemas: Record<string, Schema> = {};
  for (const action of actions) {
    schemas[`${action}_request`] = requestOf(action);
    schemas[`${action}_response`] = responseOf(action);
  }
  const anyOf = (kind: string) => ({ anyOf: actions.map((action) => ({ $ref: refTo(`${action}_${kind}`) })) });
  const mapping = Object.fromEntries(actions.map((action) => [action, refTo(`${action}_request`)]));
  const request = {
    oneOf: actions.map((action) => ({ $ref: refTo(`${action}_request`) })),
    discriminator: { propertyName: "action", mapping },
  };
  return {
    openapi: "3.1.0",
    info: { title: "Anteroom auth server", version: "1" },
    paths: {
      "/": {
        post: {
          operationId: "invoke",
          summary: "Carries out an action.",
          requestBody: { required: true, content: { "application/json": { schema: request } } },
          responses: {
            200: {
              description: "Carried out, or refused with an error code.",
              content: { "application/json": { schema: anyOf("response") } },
            },
            400: { description: "Not an invocation of a served action with all its arguments." },
            413: { description: "The request is too large." },
            503: { description: "Too many passwords wait to be hashed; try again after `Retry-After` seconds." },
          },
        },
      },
    },
    components: { schemas },
  };
}

function refTo(name: string): string {
  return `#/components/schemas/${name}`;
}

function requestOf(action: AuthAction): Schema {
  const contract = authActions[action];
  const optional: readonly string[] = "optional" in contract ? contract.optional : [];
  const required: readonly string[] = contract.arguments;
  const properties = Object.fromEntries([...required, ...optional].map((name) => [name, text]));
  return objectOf({ action: { type: "string", const: action }, arguments: { ...objectOf(properties), required } });
}

function responseOf(action: AuthAction): Schema {
  const { values, errors } = authActions[action];
  const shown = Object.fromEntries(values.map((name) => [name, schemaOf(members[name])]));
  const done = { ok: { type: "boolean", const: true }, action_invocation_id: text, values: objectOf(shown) };
  const refused = {
    ok: { type: "boolean", const: false },
    action_invocation_id: text,
    error_code: { type: "string", enum: [...errors, "internal_error"] },
  };
  return { oneOf: [objectOf(done), objectOf(refused)] };
}

function schemaOf(member: Members[keyof Members]): Schema {
  if (Array.isArray(member)) return { type: "array", items: objectOf(member[0]) };
  return member === text ? text : objectOf(member as Record<string, Schema>);
}

function objectOf(properties: Record<string, Schema>): Schema {
  return { type: "object", required: Object.keys(properties), properties };
}
