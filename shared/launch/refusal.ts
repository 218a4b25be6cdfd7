/** An outcome the person at the terminal can mend: told in one line, without a stack trace. */
export function refusal(message: string, cause?: unknown): Error {
  const error = new Error(message, { cause });
  error.name = "Refusal";
  return error;
}

/** One line for what the person can mend; everything there is for what they cannot. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  return error.name === "Refusal" || error.name === "SettingsError" ? error.message : (error.stack ?? error.message);
}
