import { ZxcvbnFactory } from "@zxcvbn-ts/core";
import * as common from "@zxcvbn-ts/language-common";

const meter = new ZxcvbnFactory({
  dictionary: common.dictionary,
  graphs: common.adjacencyGraphs,
});

/** 0 (guessed at once) to 4. */
export async function scoreOf(password: string, knownWords: string[]): Promise<number> {
  return meter.check(password.slice(0, 100), knownWords).score;
}
