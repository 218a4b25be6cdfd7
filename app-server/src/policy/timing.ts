/** Times, in seconds, that several files have to agree on and that no operator chooses. */

/** How long one attempt to open a sign-up may take before another may finish it. */
export const openingLease = 60;

/** How long a call back may still arrive after the connection to the auth server broke. */
export const callbackGrace = 15;

/** How long after its start the attempt of a process that died is left alone, for a call back still on its way. */
export const takeoverDelay = 3;
