/** Who decides without being a person: the command line, whoever has a setup link, and the commands for tests. */
export const programs = ["cli", "setup-link", "test"] as const;

export type Program = (typeof programs)[number];

export const anActor = `A user id, or ${programs.map((program) => `\`${program}\``).join(", ")}.`;

export function isProgram(actor: string): actor is Program {
  return programs.some((program) => program === actor);
}
