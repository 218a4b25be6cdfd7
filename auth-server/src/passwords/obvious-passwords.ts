/** Shorter words are in too many honest passwords. */
const shortestWord = 4;
const longestWord = 24;
const shortestRun = 3;
/** Digits and signs that make no password of a word: eight digits are 27 bits. */
const mostAddedCharacters = 8;

const keyboard = ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];
const keys = new Map(keyboard.flatMap((row, y) => [...row].map((key, x) => [key, { x, y }] as const)));

const standIns: Record<string, string> = { "@": "a", "4": "a", "3": "e", "0": "o", $: "s", "5": "s", "7": "t" };

/**
 * Whether a password is what people make of a listed word to satisfy a rule: the word once or again and again, with
 * digits and signs around it or in place of letters; or no word at all, but runs along the keyboard, the alphabet or the
 * digits. Two different words, or letters that are in neither word nor run, make a password that is not obvious.
 *
 * @param words in lower case
 */
export function isObviousPassword(password: string, words: ReadonlySet<string>): boolean {
  const text = password.toLowerCase();
  const unit = shortestUnit(text);
  return isObvious(text, words) || (unit !== text && isObvious(unit, words));
}

function isObvious(text: string, words: ReadonlySet<string>): boolean {
  if (isFiller([text])) return true;
  const spellings = spell(text);
  return [...findWords(spellings, words)].some((word) => isFiller(cutOut(text, spellings, word)));
}

/** What the text is a repetition of, or the text. */
function shortestUnit(text: string): string {
  for (let length = shortestWord; length <= text.length / 2; length++) {
    const unit = text.slice(0, length);
    if (text.length % length === 0 && /[a-z0-9]/.test(unit) && unit.repeat(text.length / length) === text) return unit;
  }
  return text;
}

/** The text as it is, and with letters for the characters that often stand for them; of the same length. */
function spell(text: string): string[] {
  const replace = (one: string) =>
    [...text].map((character) => standIns[character] ?? (/[1!|]/.test(character) ? one : character)).join("");
  return [...new Set([text, replace("i"), replace("l")])];
}

function findWords(spellings: string[], words: ReadonlySet<string>): Set<string> {
  const found = new Set<string>();
  for (const text of spellings)
    for (let start = 0; start + shortestWord <= text.length; start++)
      for (let end = start + shortestWord; end <= Math.min(text.length, start + longestWord); end++) {
        const part = text.slice(start, end);
        if (words.has(part)) found.add(part);
      }
  return found;
}

/** What is left of the text on both sides of each place where one of its spellings has the word. */
function cutOut(text: string, spellings: string[], word: string): string[] {
  const rest: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (!spellings.some((spelling) => spelling.startsWith(word, at))) continue;
    rest.push(text.slice(from, at));
    from = at + word.length;
    at = from - 1;
  }
  return [...rest, text.slice(from)];
}

/** Whether parts hold nothing but runs, space, and a few digits and signs. */
function isFiller(parts: string[]): boolean {
  let added = 0;
  for (const part of parts)
    for (let at = 0; at < part.length; ) {
      const length = runLength(part, at);
      const isRun = length >= shortestRun;
      if (!isRun && /\p{L}/u.test(part[at] ?? "")) return false;
      if (!isRun && part[at]?.trim()) added++;
      at += isRun ? length : 1;
    }
  return added <= mostAddedCharacters;
}

function runLength(text: string, start: number): number {
  let end = start + 1;
  while (end < text.length && isNext(text[end - 1] ?? "", text[end] ?? "")) end++;
  return end - start;
}

/** Whether two ASCII characters are the same, follow each other in alphabet or digits, or touch on the keyboard. */
function isNext(a: string, b: string): boolean {
  if (a === b) return a < "\x7f";
  const [one, two] = [keys.get(a), keys.get(b)];
  if (!one || !two) return false;
  return (
    Math.abs(a.charCodeAt(0) - b.charCodeAt(0)) === 1 || (Math.abs(one.x - two.x) <= 1 && Math.abs(one.y - two.y) <= 1)
  );
}
