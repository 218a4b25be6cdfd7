/** The outcomes of rules are values; what is thrown is a bug or an outage. */

export const done = { ok: true, values: {} } as const;

export function success<V>(values: V): { ok: true; values: V } {
  return { ok: true, values };
}

export function failure<E extends string>(error: E): { ok: false; error: E } {
  return { ok: false, error };
}
