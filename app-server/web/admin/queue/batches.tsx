import type { FailedBatchItem, ListedBatch } from "@anteroom/shared/wire/app/oversight";
import { queryOptions, useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { queries } from "../../api/client.ts";
import type { Failure } from "../../ui/form.tsx";
import { adminWords } from "../../words/admin.ts";
import { errorWords } from "../../words/errors.ts";
import { useFormats, useWords } from "../../words/language.tsx";
import { ask, call } from "../api.ts";
import { CrossIcon } from "../icons.tsx";
import { useActorName } from "../names.tsx";
import { readQueueAgain } from "./data.ts";

/** As many as the server takes in one batch. */
export const mostInBatch = 1_000;

const storageKey = "batches";

/** Those begun in this tab and not dismissed; a reload keeps them. Ids alone, which tell nobody anything. */
function readWatched(): string[] {
  try {
    return JSON.parse(sessionStorage.getItem(storageKey) ?? "[]");
  } catch {
    return [];
  }
}

function storeWatched(ids: readonly string[]): void {
  try {
    sessionStorage.setItem(storageKey, JSON.stringify(ids));
  } catch {
    // They are forgotten with the page.
  }
}

/** Hands many decisions to the server, which carries them out whether or not anybody watches. */
export async function startBatch(
  decision: "accept" | "reject",
  emails: string[],
  reason?: string,
): Promise<Failure | undefined> {
  const answer = await call("POST /admin/decide_many/", { decision, emails, ...(reason ? { reason } : {}) });
  if (!answer.ok) return answer;
  storeWatched([...readWatched(), answer.values.batch_id]);
  await queries.invalidateQueries({ queryKey: batchesQuery.queryKey });
  return undefined;
}

/** Milliseconds between two looks while something is under way. */
const pause = 1_000;

/** Of the latest, those that are under way and those begun in this tab. */
async function readBatches(): Promise<ListedBatch[]> {
  const answer = await ask("GET /admin/batches/");
  const watched = readWatched();
  const latest = "batches" in answer ? answer.batches : [answer];
  // An approval that is held back is a batch of one, and stands at its row.
  return latest.filter(({ id, finished_at, total }) => watched.includes(id) || (finished_at === null && total > 1));
}

const batchesQuery = queryOptions({
  queryKey: ["batches"],
  queryFn: readBatches,
  refetchInterval: ({ state }) => (state.data?.some(({ finished_at }) => finished_at === null) ? pause : false),
});

const none: ListedBatch[] = [];

/** What is under way, and what came of those begun here. When `begun` grows, it shows itself. */
export function Batches({ begun }: { begun: number }) {
  const text = useWords(adminWords).batches;
  const { data = none } = useQuery(batchesQuery);
  useReadAgainWhenDone(data);
  const section = useRef<HTMLElement>(null);
  useEffect(() => {
    if (begun === 0) return;
    section.current?.focus({ preventScroll: true });
    section.current?.scrollIntoView({ block: "center" });
  }, [begun]);
  if (data.length === 0) return null;
  const dismiss = (id: string) => {
    storeWatched(readWatched().filter((other) => other !== id));
    queries.setQueryData(batchesQuery.queryKey, (held) => held?.filter((batch) => batch.id !== id));
  };
  return (
    <section ref={section} className="batches" tabIndex={-1} aria-label={text.title}>
      {data.map((batch) => (
        <BatchCard key={batch.id} batch={batch} onDismiss={() => dismiss(batch.id)} />
      ))}
    </section>
  );
}

function useReadAgainWhenDone(batches: readonly ListedBatch[]): void {
  const running = useRef<ReadonlySet<string>>(new Set());
  useEffect(() => {
    const now = new Set(batches.filter(({ finished_at }) => finished_at === null).map(({ id }) => id));
    if ([...running.current].some((id) => !now.has(id))) void readQueueAgain();
    running.current = now;
  }, [batches]);
}

function BatchCard({ batch, onDismiss }: { batch: ListedBatch; onDismiss: () => void }) {
  const text = useWords(adminWords).batches;
  const { number } = useFormats();
  const { decision, total, done, failed, finished_at, actor_name } = batch;
  const isFinished = finished_at !== null;
  const settled = done + failed.length;
  return (
    <div className="batch">
      <div className="batch-head">
        <p role="status">
          <strong>
            {isFinished ? text.finished[decision](number(done), number(total)) : text.running[decision](number(total))}
          </strong>
          {!isFinished && actor_name && <span className="batch-by">{text.by(actor_name)}</span>}
        </p>
        {isFinished && (
          <button type="button" className="icon-button" aria-label={text.dismiss} onClick={onDismiss}>
            <CrossIcon />
          </button>
        )}
      </div>
      {!isFinished && (
        <>
          <progress max={total} value={settled} aria-label={text.running[decision](number(total))} />
          <p className="batch-more">
            {text.progress(number(settled), number(total))}. {text.goesOn}
          </p>
        </>
      )}
      {failed.length > 0 && <Failures failed={failed} />}
    </div>
  );
}

function Failures({ failed }: { failed: readonly FailedBatchItem[] }) {
  const text = useWords(adminWords).batches;
  const message = useWords(errorWords);
  const { ago } = useFormats();
  const actorName = useActorName();
  return (
    <details className="more">
      <summary>{text.failed(failed.length)}</summary>
      <ul className="failures">
        {failed.map(({ email, error, decided_at, decided_by_name }) => (
          <li key={email}>
            <bdi>{email}</bdi>{" "}
            {decided_at === null
              ? message[error]
              : text.quicker(actorName({ decided_by: null, decided_by_name }), ago(decided_at))}
          </li>
        ))}
      </ul>
    </details>
  );
}
