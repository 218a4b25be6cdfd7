import { isDeepStrictEqual } from "node:util";
import { type AuthAction, authActions } from "../../wire/faroe.ts";
import { answerOf } from "../../wire/faroe-answers.ts";

const schemas = new Map<string, ReturnType<typeof answerOf>>();

/** Throws when an action answers otherwise than its contract says. */
export function expectDeclaredAnswer(action: string, answer: unknown): void {
  if (!Object.hasOwn(authActions, action)) return;
  const schema = schemas.get(action) ?? answerOf(action as AuthAction);
  schemas.set(action, schema);
  const parsed = schema.safeParse(answer);
  if (parsed.success && isDeepStrictEqual(parsed.data, answer)) return;
  const why = parsed.success ? "with members that are not declared" : parsed.error.message;
  throw new Error(`${action} answered otherwise than declared (${why}): ${JSON.stringify(answer)}`);
}
