/** @file The curves of many trainings on one axis, live: those of the rows that are shown, an architecture in one colour. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { RunEvent } from '../../../../src/run/events.ts';
import type { CollectionDetail, RunHistory } from '../../../../src/server/api.ts';
import type { Standing } from '../../collection.ts';
import { formatNumber, formatShare, words } from '../../format.ts';
import { COLOURS, type Line, Plot } from '../../parts/plot.tsx';
import { Card, Choice, Smoothing } from '../../parts/states.tsx';
import { linesOf, SCORES, smoothed } from '../../series.ts';
import { addressOf, fetchJson, runs } from '../../state.ts';

/** More lines than this are no chart: the filter chooses among them. */
const MOST_LINES = 24;
/** Runs whose curves are asked for at once: the chart is drawn anew after each of these batches. */
const BATCH = 6;
/** Milliseconds between looks at the curves of runs that are running. */
const PAUSE = 5000;

/** Histories of runs by id, each asked for at first and after its run made progress. */
function useHistories(ids: readonly string[]): ReadonlyMap<string, readonly RunEvent[]> {
  const [histories, setHistories] = useState<ReadonlyMap<string, readonly RunEvent[]>>(new Map());
  const known = useRef(new Map<string, string | undefined>());
  const wanted = ids.join();
  useEffect(() => {
    let isCurrent = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      const changed = ids.flatMap((id) => {
        const { updated } = runs.peek()?.get(id) ?? {};
        return known.current.has(id) && known.current.get(id) === updated ? [] : [{ id, updated }];
      });
      for (let first = 0; first < changed.length; first += BATCH) {
        const batch = changed.slice(first, first + BATCH);
        const found = await Promise.all(
          batch.map(({ id }) => fetchJson<RunHistory>(addressOf(id, 'curves')).catch(() => undefined)),
        );
        if (!isCurrent) return;
        for (const { id, updated } of batch) known.current.set(id, updated);
        const loaded = found.flatMap((history, i) => (history ? [[batch[i].id, history.events] as const] : []));
        setHistories((now) => new Map([...now, ...loaded]));
      }
      timer = setTimeout(look, PAUSE);
    };
    look();
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [wanted]);
  return histories;
}

export function ManyCurves({ detail, standings }: { detail: CollectionDetail; standings: readonly Standing[] }) {
  const isTrials = detail.summary.kind === 'trials';
  const [part, setPart] = useState<'search' | 'training'>(isTrials ? 'search' : 'training');
  const [metric, setMetric] = useState<string | undefined>(undefined);
  const [smoothing, setSmoothing] = useState(0.9);
  const begun = standings.flatMap(({ member, training, search }) => {
    const run = part === 'search' ? search : training;
    return run ? [{ id: run.id, colour: isTrials ? String(member.seed) : member.architecture }] : [];
  });
  const drawn = begun.slice(0, MOST_LINES);
  const histories = useHistories(drawn.map(({ id }) => id));
  const colours = [...new Set(drawn.map(({ colour }) => colour))];
  const gathered = drawn.flatMap(({ id, colour }) => {
    const events = histories.get(id);
    return events ? [{ id, colour: colours.indexOf(colour) % COLOURS, ...linesOf(events) }] : [];
  });
  const keys = [
    ...new Set(
      gathered.flatMap(({ metrics }) =>
        [...metrics.keys()].filter((key) => /(loss|miou|dice|accuracy|entropy)$/i.test(key)),
      ),
    ),
  ];
  const names = [
    ...keys.filter((key) => SCORES.test(key)).sort(byUse),
    'loss of each step',
    ...keys.filter((key) => !SCORES.test(key)),
  ];
  const shown = metric !== undefined && names.includes(metric) ? metric : names[0];
  const lines = gathered.flatMap(({ id, colour, steps, metrics }): Line[] => {
    const name = id.replace(/^[^/]+\//, '');
    const loss = steps.get('loss');
    const points = shown === 'loss of each step' ? loss && smoothed(loss, smoothing) : metrics.get(shown);
    return points ? [{ name, points, colour }] : [];
  });
  return (
    <Card
      title="Curves"
      aside={
        <>
          {isTrials && <Choice names={['search', 'training']} chosen={part} label="curves of" onChange={setPart} />}
          <select
            aria-label="what the curves show"
            value={shown}
            onChange={({ currentTarget }) => setMetric(currentTarget.value)}
          >
            {names.map((name) => (
              <option key={name} value={name}>
                {words(name)}
              </option>
            ))}
          </select>
          {shown === 'loss of each step' && <Smoothing value={smoothing} onChange={setSmoothing} />}
        </>
      }
    >
      {lines.length === 0 ? (
        <p class="quiet">
          {begun.length === 0 ? `No ${part} has begun.` : `No ${part} has logged this yet: ${words(shown)}.`}
        </p>
      ) : (
        <Plot
          title={words(shown)}
          lines={lines}
          xLabel="epoch"
          height={320}
          format={SCORES.test(shown) ? (value: number) => formatShare(value, 1) : formatNumber}
        />
      )}
      {begun.length > drawn.length && (
        <p class="quiet">
          {drawn.length} of {begun.length} are drawn: filter the table to choose others.
        </p>
      )}
    </Card>
  );
}

/** Dice first, since only volumes have it, then mIoU. */
const byUse = (a: string, b: string): number => placeOf(a) - placeOf(b);
const placeOf = (key: string): number => (['dice', 'miou'].indexOf(key) + 3) % 3;
