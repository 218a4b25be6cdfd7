import type { SameEntries } from "../languages.ts";

export const ui = {
  shell: {
    skip: "Skip to the content",
    main: "Main",
    signUp: "Sign up",
    signIn: "Sign in",
    signOut: "Sign out",
    notSignedOut: "You are still signed in.",
    administration: "Administration",
    language: "Language",
    contact: "Contact",
    privacy: "Privacy",
    terms: "Terms",
  },
  page: {
    loading: "Loading…",
    missing: "There is no such page",
    missingMore: "The address may be mistyped, or the page has moved.",
    home: "Go to the start page",
    goOn: (host: string) => `Continue to ${host}`,
    unreachable: "We can’t load this right now",
    again: "Try again",
  },
  form: { busy: "One moment…", slow: "The server is taking long to answer. Please keep this page open." },
  password: {
    show: "Show",
    hide: "Hide",
    showLabel: "Show the password",
    atLeast: (length: number) => `At least ${length} characters.`,
    counted: (has: number, needs: number) => `${has} of ${needs}`,
    hint: "A few words that mean something to you alone are strong and easy to keep in mind. Pasting is fine.",
    strength: "Strength",
    steps: ["very easy to guess", "easy to guess", "better, not yet good", "good", "very good"],
  },
  askPassword: {
    why: "You signed in some time ago. Type your password, so that we know it is you.",
    password: "Your password",
    cancel: "Leave it",
  },
  broken: { title: "This page stopped working", lead: "Nothing you had saved is lost.", again: "Load the page again" },
  missingScript: {
    title: "This page could not be loaded",
    lead: "Either there is no connection just now, or the site has a new version. Nothing you had saved is lost.",
    again: "Load the page again",
  },
  /** Rounded up, so that nobody comes back too early. */
  tooMany: (seconds: number) => `Too many tries in a short time. Wait ${waitOf(seconds)}, then try again.`,
} as const;

function waitOf(seconds: number): string {
  const minutes = Math.ceil(seconds / 60);
  if (minutes <= 1) return "a minute";
  if (minutes < 60) return `${minutes} minutes`;
  return minutes === 60 ? "an hour" : `${Math.ceil(minutes / 60)} hours`;
}

export type UiWords = SameEntries<typeof ui>;
