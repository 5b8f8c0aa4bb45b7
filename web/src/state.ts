/**
 * @file What the page knows: all runs in rows, and of the run that is looked at (and those drawn over it) the events. Loaded once, then kept
 * up to date by the stream.
 */
import { effect, signal } from '@preact/signals';
import type { RunEvent } from '../../src/run/events.ts';
import { isKept } from '../../src/run/tables/repeats.ts';
import type { DocumentName, RunDetail, RunHistory, RunScores, RunSummary, RunsMessage } from '../../src/server/api.ts';
import { follow } from './connection.ts';
import { route } from './route.ts';

/** Something that is fetched. */
export type Loadable<Value> =
  | { readonly state: 'loading' }
  | { readonly state: 'missing' }
  | { readonly state: 'failed'; readonly message: string }
  | { readonly state: 'ready'; readonly value: Value };

/** A run with its events. */
export interface LoadedRun {
  readonly detail: RunDetail;
  readonly events: readonly RunEvent[];
}

/** Rows by id; undefined before the first answer. */
export const runs = signal<ReadonlyMap<string, RunSummary> | undefined>(undefined);
/** The run of the route. */
export const current = signal<Loadable<LoadedRun>>({ state: 'loading' });
/** Runs drawn over it, by id. */
export const others = signal<ReadonlyMap<string, readonly RunEvent[]>>(new Map());
/** Rows that are ticked in the table. */
export const selected = signal<readonly string[]>([]);

/** More events than this are loaded again, thinned. */
const MOST_EVENTS = 15_000;

/** The address of something about a run, relative to the page. */
export const addressOf = (id: string, ...rest: readonly string[]): string =>
  `api/runs/${[...id.split('/'), ...rest].map(encodeURIComponent).join('/')}`;

/** The address of a comparison or of trials, relative to the page. */
export const addressOfCollection = (id: string): string =>
  `api/collections/${id.split('/').map(encodeURIComponent).join('/')}`;

/** JSON from the server; undefined when it has none there. */
export async function fetchJson<Value>(address: string): Promise<Value | undefined> {
  const answer = await fetch(address);
  if (answer.status === 404) return undefined;
  const value = (await answer.json()) as Value & { error?: string };
  if (!answer.ok) throw new Error(value.error ?? `the server answered ${answer.status}`);
  return value;
}

function takeRuns({ ids, changed }: RunsMessage): void {
  const before = runs.value ?? new Map<string, RunSummary>();
  const rows = new Map(changed.map((run) => [run.id, run]));
  const entries = ids.flatMap((id): [string, RunSummary][] => {
    const row = rows.get(id) ?? before.get(id);
    return row ? [[id, row]] : [];
  });
  runs.value = new Map(entries);
}

/** Events with new ones behind them; what a resumed run does again counts once. */
function joined(events: readonly RunEvent[], more: readonly RunEvent[]): RunEvent[] {
  let kept = [...events];
  for (const event of more) {
    if (event.type === 'start' && event.resumedEpoch !== undefined) kept = kept.filter((old) => isKept(old, event));
    kept.push(event);
  }
  return kept;
}

async function loadRun(id: string): Promise<{ loaded: Loadable<LoadedRun>; offset: number }> {
  try {
    const [detail, history] = await Promise.all([
      fetchJson<RunDetail>(addressOf(id)),
      fetchJson<RunHistory>(addressOf(id, 'history')),
    ]);
    if (detail === undefined || history === undefined) return { loaded: { state: 'missing' }, offset: 0 };
    return { loaded: { state: 'ready', value: { detail, events: history.events } }, offset: history.offset };
  } catch (error) {
    return { loaded: { state: 'failed', message: (error as Error).message }, offset: 0 };
  }
}

/** Follows the place of the page for as long as it is open. */
export function followRoute(): void {
  const id = signal<string | undefined>(undefined);
  effect(() => {
    id.value = route.value.run;
  });
  effect(() => followRun(id.value));
  effect(() => loadOthers(route.value.compare));
}

/** Loads and follows one run, or the table alone; returns how to stop. */
function followRun(id: string | undefined): () => void {
  let stop = () => {};
  let stopped = false;
  if (id === undefined) {
    stop = follow({ runs: takeRuns, events: () => {}, reset: () => {} });
    return () => stop();
  }
  const load = async () => {
    const { loaded, offset } = await loadRun(id);
    if (stopped) return;
    current.value = loaded;
    stop();
    stop = follow(
      {
        runs(message) {
          takeRuns(message);
          const isBack = current.peek().state !== 'ready' && message.ids.includes(id);
          if (isBack) load();
          else refreshDetail(message.changed.find((run) => run.id === id));
        },
        events(more) {
          const { value } = current.peek() as { value?: LoadedRun };
          if (value === undefined) return;
          if (value.events.length + more.length > MOST_EVENTS) load();
          else current.value = { state: 'ready', value: { ...value, events: joined(value.events, more) } };
        },
        reset: load,
      },
      loaded.state === 'ready' ? { id, offset } : undefined,
    );
  };
  current.value = { state: 'loading' };
  load();
  return () => {
    stopped = true;
    stop();
  };
}

/** Samples and documents are added while a run runs, with its epochs. */
async function refreshDetail(row: RunSummary | undefined): Promise<void> {
  const before = current.peek();
  if (row === undefined || before.state !== 'ready') return;
  const { epochs, state } = before.value.detail.summary;
  if (row.epochs === epochs && row.state === state) return;
  const detail = await fetchJson<RunDetail>(addressOf(row.id)).catch(() => undefined);
  const now = current.peek();
  if (detail && now.state === 'ready' && now.value.detail.summary.id === row.id)
    current.value = { state: 'ready', value: { ...now.value, detail } };
}

function loadOthers(ids: readonly string[]): void {
  const known = others.peek();
  others.value = new Map([...known].filter(([id]) => ids.includes(id)));
  for (const id of ids) {
    if (known.has(id)) continue;
    fetchJson<RunHistory>(addressOf(id, 'history'))
      .then((history) => {
        if (history) others.value = new Map([...others.peek(), [id, history.events]]);
      })
      .catch(() => undefined);
  }
}

/** A document of a run; undefined where it has none. */
export const fetchDocument = async <Value>(
  { summary, documents }: RunDetail,
  name: DocumentName,
): Promise<Value | undefined> =>
  documents.includes(name) ? fetchJson<Value>(addressOf(summary.id, 'documents', name)) : undefined;

/** The scores by class of a run. */
export const fetchScores = (id: string): Promise<RunScores | undefined> =>
  fetchJson<RunScores>(addressOf(id, 'scores'));
