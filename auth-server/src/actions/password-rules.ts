import type { AuthContext } from "../context.ts";

/** What is wrong with a new password, if anything. Length is counted in code points, and nothing is trimmed. */
export async function findPasswordFault(
  { settings, passwordBlocklist }: AuthContext,
  password: string,
): Promise<"invalid_password_length" | "weak_password" | undefined> {
  const length = [...password].length;
  if (length < settings.passwordMinLength || length > settings.passwordMaxLength) return "invalid_password_length";
  return (await passwordBlocklist.has(password)) ? "weak_password" : undefined;
}
