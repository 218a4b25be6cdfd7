import fc from "fast-check";

/** Random values of the JSON schemas in a description, and now and then a value of `known`, by the name of the member. */
export interface JsonSchema {
  $ref?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  type?: string | string[];
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  items?: JsonSchema;
  minItems?: number;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: JsonSchema | boolean;
  propertyNames?: JsonSchema;
}

type Known = Readonly<Record<string, readonly string[]>>;

export function createArbitraries(schemas: Record<string, JsonSchema>, known: Known) {
  function of(schema: JsonSchema, name = ""): fc.Arbitrary<unknown> {
    const made = make(schema);
    const values = known[name];
    return values
      ? fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...values) }, { weight: 1, arbitrary: made })
      : made;
  }

  function make(schema: JsonSchema): fc.Arbitrary<unknown> {
    if (schema.$ref) return of(schemas[schema.$ref.split("/").at(-1) ?? ""] ?? {});
    if (schema.const !== undefined) return fc.constant(schema.const);
    if (schema.enum) return fc.constantFrom(...schema.enum);
    const choices = schema.anyOf ?? schema.oneOf;
    return choices ? fc.oneof(...choices.map((choice) => of(choice))) : ofType(schema);
  }

  function ofType(schema: JsonSchema): fc.Arbitrary<unknown> {
    const { minimum, maximum, minItems = 0 } = schema;
    switch (schema.type) {
      case "string":
        return text(schema);
      case "integer":
      case "number":
        return fc.integer({ min: minimum ?? -1_000, max: maximum ?? 1_000_000 });
      case "boolean":
        return fc.boolean();
      case "array":
        return fc.array(of(schema.items ?? {}), { minLength: minItems, maxLength: minItems + 2 });
      case "object":
        return object(schema);
      default:
        return fc.jsonValue({ maxDepth: 2 });
    }
  }

  function text({ pattern, minLength = 0, maxLength = 100 }: JsonSchema): fc.Arbitrary<string> {
    if (pattern) return fc.stringMatching(new RegExp(pattern)).map((value) => value.slice(0, maxLength));
    return fc.string({ minLength, maxLength, unit: "binary" });
  }

  function object({ properties = {}, required = [], additionalProperties, propertyNames }: JsonSchema) {
    const members = Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, of(schema, name)]));
    const own = fc.record(members, { requiredKeys: required, noNullPrototype: true });
    if (typeof additionalProperties !== "object") return own;
    const others = fc.dictionary(text(propertyNames ?? {}), of(additionalProperties), {
      maxKeys: 3,
      noNullPrototype: true,
    });
    return fc.tuple(others, own).map(([some, named]) => ({ ...some, ...named }));
  }

  return of;
}
