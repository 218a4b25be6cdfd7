import { adminWords } from "../words/admin.ts";
import { useWords } from "../words/language.tsx";

/** Characters that would turn the text around a name. */
const turning = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A name that somebody chose, kept from turning the text around it. */
export function Name({
  of: { firstname, lastname, email },
}: {
  of: { firstname: string; lastname: string; email: string };
}) {
  return <bdi>{`${firstname} ${lastname}`.trim() || email}</bdi>;
}

/** For sentences; on its own, a name is shown by `Name`. */
export function nameOf({ firstname, lastname, email }: { firstname: string; lastname: string; email: string }): string {
  return `${firstname} ${lastname}`.replace(turning, "").trim() || email;
}

/** Tells who decided: a person by name, or whatever else did. */
export function useActorName(): (decided: { decided_by: string | null; decided_by_name: string | null }) => string {
  const text = useWords(adminWords).actors;
  const automatic: Record<string, string> = text.automatic;
  return ({ decided_by, decided_by_name }) =>
    decided_by_name?.replace(turning, "") || automatic[decided_by ?? ""] || text.somebody;
}
