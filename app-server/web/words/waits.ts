/** For refusals that end by themselves after so many seconds. Rounded up, so that nobody comes back too early. */
export const waits = {
  en: {
    tooMany: (seconds: number) => `Too many tries in a short time. Wait ${english(seconds)}, then try again.`,
  },
  nl: {
    tooMany: (seconds: number) => `Te veel pogingen in korte tijd. Wacht ${dutch(seconds)} en probeer het dan opnieuw.`,
  },
};

function english(seconds: number): string {
  const minutes = Math.ceil(seconds / 60);
  if (minutes <= 1) return "a minute";
  return minutes < 60 ? `${minutes} minutes` : "an hour";
}

function dutch(seconds: number): string {
  const minutes = Math.ceil(seconds / 60);
  if (minutes <= 1) return "een minuut";
  return minutes < 60 ? `${minutes} minuten` : "een uur";
}
