import { normalizeEmailAddress } from "@anteroom/shared/wire/email-address";
import { beforeEach, expect, test } from "vitest";
import { createRefusals, type Refusals } from "../src/mail/send/refusals.ts";

/** Whether so many addresses were refused alike that none of them is believed to be dead. */
let refusals: Refusals;

let mails = 0;

beforeEach(() => {
  refusals = createRefusals();
  mails = 0;
});

const noon = 1_790_000_000;

function refuse(address: number, reason = `550 5.1.1 <a${address}@dest.example>: no such user`, now = noon): string[] {
  return refusals.add({ id: `mail-${++mails}`, email: normalizeEmailAddress(`a${address}@dest.example`), reason }, now);
}

test("mail 1: of five addresses that are refused in the same words none is dead; four may be", () => {
  for (const address of [1, 2, 3, 4]) expect(refuse(address)).toEqual([]);
  expect(refuse(5)).toEqual(["mail-1", "mail-2", "mail-3", "mail-4", "mail-5"]);
});

test("mail 1: the same address again, other words or ten quiet minutes prove nothing against the relay", () => {
  for (let time = 0; time < 10; time++) expect(refuse(1)).toEqual([]);
  for (let address = 0; address < 10; address++)
    expect(refuse(address, `550 in words of its own: ${address}`)).toEqual([]);
  for (let address = 0; address < 10; address++) expect(refuse(address, undefined, noon + address * 200)).toEqual([]);
});

test("mail 1: a relay that takes a mail in between knows what it says of the others", () => {
  for (let address = 0; address < 10; address++) {
    expect(refuse(address)).toEqual([]);
    if (address % 4 === 3) refusals.accepted();
  }
});

test("mail 1: the operator is told the same once a day", () => {
  expect(["sign in", "sign in", "look"].map((advice) => refusals.isNews(advice, noon))).toEqual([true, false, true]);
  expect([86_399, 86_400].map((later) => refusals.isNews("look", noon + later))).toEqual([false, true]);
});
