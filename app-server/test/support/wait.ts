import { patiently } from "@anteroom/shared/testing/patience";

/** Looks again and again until what is read fits; throws with the last that was read when it does not in time. */
export async function waitUntil<T>(read: () => Promise<T>, fits: (value: T) => boolean, seconds = 10): Promise<T> {
  const giveUpAt = Date.now() + patiently(seconds * 1_000);
  for (;;) {
    const value = await read();
    if (fits(value)) return value;
    if (Date.now() > giveUpAt)
      throw new Error(`After ${seconds} quiet seconds this is still so: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
