import { type AuthAction, authActions } from "@anteroom/shared/wire/faroe";
import { answerOf, refusedWith } from "@anteroom/shared/wire/faroe-answers";
import { z } from "zod";

type Schema = Record<string, unknown>;

/**
 * The actions that the public listener serves as OpenAPI 3.1. All are one route, so each has a schema for what is sent
 * and one for what comes back, named after it.
 */
export function openApiDocument(actions: readonly AuthAction[]) {
  const schemas: Record<string, Schema> = {};
  for (const action of actions) {
    schemas[`${action}_request`] = requestOf(action);
    schemas[`${action}_response`] = schemaOf(answerOf(action));
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
          requestBody: { required: true, content: json(request) },
          responses: {
            200: { description: "Carried out, or refused with an error code.", content: json(anyOf("response")) },
            400: refusal("Not an invocation of a served action with all its arguments.", "invalid_request"),
            413: refusal("The request is too large.", "request_too_large"),
            503: refusal("Too many passwords wait to be hashed; try again after `Retry-After` seconds.", "server_busy"),
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

function json(schema: Schema) {
  return { "application/json": { schema } };
}

function refusal(description: string, code: string) {
  return { description, content: json(schemaOf(refusedWith([code]))) };
}

function requestOf(action: AuthAction): Schema {
  const contract = authActions[action];
  const required = contract.arguments.map((name) => [name, z.string()]);
  const optional = ("optional" in contract ? contract.optional : []).map((name) => [name, z.string().optional()]);
  return schemaOf(
    z.object({ action: z.literal(action), arguments: z.object(Object.fromEntries([...required, ...optional])) }),
  );
}

function schemaOf(schema: z.ZodType): Schema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { override: loosen });
  return rest;
}

/** Arguments and answers may have members that are not known here, and any number here is one that JavaScript can count to. */
function loosen({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
}
