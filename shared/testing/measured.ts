/**
 * Takes a measurement and holds it to what it asserts; one that misses is taken again, whole. What else the machine does
 * makes one of them miss, a fault makes all of them. What is not measured is asserted outside.
 *
 * @param turns how often, at most
 */
export async function measured(measure: (turn: number) => Promise<void>, turns = 3): Promise<void> {
  for (let turn = 1; turn < turns; turn++) {
    try {
      return await measure(turn);
    } catch (missed) {
      console.info(`Measured again: ${missed instanceof Error ? missed.message : missed}`);
    }
  }
  await measure(turns);
}
