/** What earlier steps kept, by the name they kept it under. */
export type Saved = Record<string, unknown>;

const placeholder = /\$\{([^}]+)\}/g;
const lower = "abcdefghijkmnpqrstuvwxyz23456789";
const upper = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

const filters: Record<string, (text: string) => string> = {
  id: (text) => text.split(".")[0] ?? "",
  secret: (text) => text.slice(text.indexOf(".") + 1),
  lower: (text) => text.toLowerCase(),
  upper: (text) => text.toUpperCase(),
  drop_first: (text) => text.slice(1),
  drop_last: (text) => text.slice(0, -1),
  flip_first: (text) => nextCharacter(text, text[0] ?? "") + text.slice(1),
  flip_last: (text) => text.slice(0, -1) + nextCharacter(text, text.at(-1) ?? ""),
};

/** Replaces `${path|filter}` in all strings of `value`; a string that is nothing else takes the value as it is. */
export function fillIn<T>(value: T, saved: Saved): T {
  if (typeof value === "string") return fillInText(value, saved) as T;
  if (Array.isArray(value)) return value.map((item: unknown) => fillIn(item, saved)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, fillIn(member, saved)])) as T;
}

function fillInText(text: string, saved: Saved): unknown {
  const whole = /^\$\{([^}]+)\}$/.exec(text);
  if (whole?.[1]) return lookUp(whole[1], saved);
  return text.replace(placeholder, (_, expression: string) => String(lookUp(expression, saved)));
}

function lookUp(expression: string, saved: Saved): unknown {
  const [path = "", ...names] = expression.split("|");
  let value: unknown = saved;
  for (const part of path.split(".")) value = (value as Record<string, unknown> | undefined)?.[part];
  if (value === undefined) throw new Error(`The recording refers to ${path}, which nothing was kept under.`);
  for (const name of names) {
    const filter = filters[name];
    if (filter === undefined) throw new Error(`The recordings use a filter that the runner lacks: ${name}`);
    value = filter(String(value));
  }
  return value;
}

function nextCharacter(text: string, character: string): string {
  const alphabet = /[a-z]/.test(text) ? lower : upper;
  return alphabet[(alphabet.indexOf(character) + 1) % alphabet.length] ?? "";
}
