import { inNameOf } from "@anteroom/shared/runtime/http/request-scope";
import { createBell } from "../../work.ts";
import * as store from "../store.ts";
import { everyDomain, takeAllowances } from "./pace-store.ts";
import { type SettleParts, settle } from "./settle.ts";

/** Mails under way at once, not counting slow ones, and all of them: some more than delivery keeps connections. */
const mailsAtOnce = 12;
const mailsAtOnceWithSlowOnes = 30;

/** Of one domain, over all workers: fewer than delivery has on the wire, so that one that hangs leaves room at once. */
const mailsAtOncePerDomain = 5;

/** Milliseconds after which a mail counts as slow and makes room for another. */
const slowAfter = 3_000;

/** Milliseconds that a worker with mails under way waits for more room before it looks for the next ones. */
const gather = 5;

/** Milliseconds that an idle worker leaves to the request that woke it, with which it shares a process. */
const headStart = 10;

/** Milliseconds after which a worker looks again for whom there is room, while it can tell that there is somebody. */
const lookAround = 250;

/** Milliseconds between two looks at whether the others who have mails under way are alive. */
const watch = 1_000;

/** Milliseconds within which a process that lives has a connection again, once the database lets it. */
const comesBackWithin = 2_000;

/** Milliseconds after which a worker looks for mails although nobody has told it of any: notifications may be lost. */
const sweep = 60_000;

/** Seconds after which a mail is tried again whose outcome could not be written down. */
const postponedFor = 60;

export interface Worker {
  isWorking(): boolean;
  /** Takes no more mails and waits so many milliseconds for those under way. */
  stop(patience: number): Promise<void>;
}

/** What a worker keeps in mind from one look for mails to the next. */
interface Mind {
  /** When each mail under way was begun. */
  readonly underWay: Map<string, number>;
  readonly waiting: WaitingList;
  readonly bell: ReturnType<typeof createBell>;
  /** When to look for mails of processes that have ended, and for some that this one has lost sight of. */
  rescueAt: number;
  /** Processes that hold mails and had no connection when they were looked for, and since when. */
  missing: Map<string, number>;
  /** Whether somebody waits for whom there was no room. */
  isRoomWanted: boolean;
}

/** Takes mails by priority, as many as there is room for, and works each off by itself: none waits for another. */
export function startWorker(parts: SettleParts): Worker {
  const { log, bells } = parts;
  const bell = createBell();
  const mind: Mind = {
    underWay: new Map(),
    waiting: createWaitingList(),
    bell,
    rescueAt: 0,
    missing: new Map(),
    isRoomWanted: false,
  };
  let isStopping = false;
  let isBroken = false;

  async function run(): Promise<void> {
    while (!isStopping) {
      bell.silence();
      const pauseFor = await look(parts, mind).then(works, fails);
      await bell.rung(pauseFor);
      // Mails that end at nearly the same moment make room together; what causes the first one gets to its end before.
      await pause(mind.underWay.size > 0 ? gather : headStart);
    }
  }

  function works(pauseFor: number): number {
    isBroken = false;
    return pauseFor;
  }

  function fails(error: unknown): number {
    isBroken = true;
    mind.rescueAt = 0;
    log.error({ err: error }, "the mail worker could not look for mails; it tries again");
    return 500;
  }

  bells.on("mails", bell.ring);
  const running = run();
  return {
    isWorking: () => !isStopping && !isBroken,
    stop: async (patience) => {
      isStopping = true;
      bell.ring();
      await running;
      const giveUpAt = Date.now() + patience;
      while (mind.underWay.size > 0 && Date.now() < giveUpAt) await pause(20);
    },
  };
}

/** Takes what there is room for. Returns the milliseconds until it is to be called again, if nothing happens before. */
async function look(parts: SettleParts, mind: Mind): Promise<number> {
  const { db, clock, processName } = parts;
  const { underWay, waiting } = mind;
  const limit = roomFor(underWay);
  mind.isRoomWanted = limit <= 0;
  if (limit <= 0) return watch;
  if (waiting.isHeld(everyDomain)) return waiting.untilNext();
  if (Date.now() >= mind.rescueAt) await rescue(parts, mind);
  const perDomain = mailsAtOncePerDomain;
  const claim = { processName, now: clock.now(), limit, perDomain, heldDomains: waiting.list() };
  const mails = await store.claimDue(db, claim);
  for (const mail of await allow(parts, mails, waiting)) start(parts, mind, mail);
  mind.isRoomWanted = mails.length === limit;
  if (mind.isRoomWanted) return watch;
  // Of those held now, whose time may come while the database answers.
  const untilNext = waiting.untilNext();
  const outlook = await store.findOutlook(db, { ...claim, heldDomains: waiting.list() });
  return plan(mind, outlook, { untilNext, now: clock.now() });
}

/**
 * Frees the mails of processes that have ended: of those that had no connection for a moment. After an outage of the
 * database a living one may come back a little later than others look, and with it what a relay has said already.
 */
async function rescue({ db, processName }: SettleParts, mind: Mind): Promise<void> {
  const now = Date.now();
  const missing = await store.listMissing(db);
  mind.missing = new Map(missing.map((name) => [name, mind.missing.get(name) ?? now]));
  const ended = missing.filter((name) => now - (mind.missing.get(name) ?? now) >= comesBackWithin);
  await store.releaseAbandoned(db, { processName, underWay: [...mind.underWay.keys()], ended });
  mind.rescueAt = now + (ended.length < missing.length ? watch : sweep);
}

function plan(
  mind: Mind,
  { isMoreDue, areOthersAtWork, nextTryAt }: store.Outlook,
  { untilNext, now }: { untilNext: number; now: number },
): number {
  mind.isRoomWanted = isMoreDue;
  const until = [untilNext, sweep];
  if (isMoreDue) until.push(lookAround);
  if (areOthersAtWork) until.push(watch);
  if (nextTryAt !== null) until.push((nextTryAt - now) * 1_000);
  if (areOthersAtWork) mind.rescueAt = Math.min(mind.rescueAt, Date.now() + watch);
  return Math.max(0, Math.min(...until));
}

function start(parts: SettleParts, mind: Mind, mail: store.ClaimedMail): void {
  const { db, clock, log, processName } = parts;
  const { underWay, bell } = mind;
  underWay.set(mail.id, Date.now());
  void inNameOf(mail.request_id, () => settle(parts, mail))
    .catch(async (error: unknown) => {
      log.error({ err: error, mail: mail.id }, "what became of a mail could not be stored; it will be tried again");
      await store.postpone(db, { id: mail.id, processName, until: clock.now() + postponedFor });
    })
    .catch(() => {
      mind.rescueAt = 0;
      bell.ring();
    })
    .finally(() => {
      underWay.delete(mail.id);
      if (mind.isRoomWanted) bell.ring();
    });
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function roomFor(underWay: Map<string, number>): number {
  let quick = 0;
  for (const startedAt of underWay.values()) if (Date.now() - startedAt < slowAfter) quick++;
  return Math.min(mailsAtOnce - quick, mailsAtOnceWithSlowOnes - underWay.size);
}

/** Mails whose turn it is. The others go back to their place, and their domain is left alone until its next turn. */
async function allow(
  { db, settings, processName }: SettleParts,
  mails: store.ClaimedMail[],
  waiting: WaitingList,
): Promise<store.ClaimedMail[]> {
  if (mails.length === 0) return mails;
  const wanted = new Map<string, number>();
  for (const { domain } of mails) wanted.set(domain, (wanted.get(domain) ?? 0) + 1);
  const allowances = await takeAllowances(db, settings, wanted);
  const take = (key: string): boolean => {
    const allowance = allowances.get(key);
    if (allowance && allowance.granted-- > 0) return true;
    waiting.hold(key, (allowance?.wait ?? 1) * 1_000);
    return false;
  };
  const allowed = mails.filter(({ domain }) => take(domain) && take(everyDomain));
  const others = mails.filter((mail) => !allowed.includes(mail)).map(({ id }) => id);
  if (others.length > 0) await store.putBack(db, others, processName);
  return allowed;
}

type WaitingList = ReturnType<typeof createWaitingList>;

/** Domains that have used up their allowance, each with the time of the next mail. */
function createWaitingList() {
  const until = new Map<string, number>();
  const list = () => {
    for (const [domain, time] of until) if (time <= Date.now()) until.delete(domain);
    return [...until.keys()];
  };
  return {
    hold: (domain: string, milliseconds: number) => until.set(domain, Date.now() + Math.max(20, milliseconds)),
    isHeld: (domain: string) => list().includes(domain),
    list,
    /** Milliseconds until the first of them may go on. */
    untilNext: () => {
      list();
      return Math.max(0, Math.min(...until.values()) - Date.now());
    },
  };
}
