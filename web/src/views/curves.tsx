/** @file Losses, scores, learning rates, entropies and gaps over the epochs, of one run or of several over each other. */
import { useState } from 'preact/hooks';
import { formatShare, words } from '../format.ts';
import { COLOURS, type Line, Plot } from '../parts/plot.tsx';
import { Card, Empty, Smoothing } from '../parts/states.tsx';
import { goTo, route } from '../route.ts';
import { entropyLimits, linesOf, SCORES, smoothed } from '../series.ts';
import { type LoadedRun, others, runs } from '../state.ts';
import { whyEmpty } from '../whyEmpty.ts';

/** A kind of chart, and the metrics that it holds. */
interface Kind {
  readonly title: string;
  readonly fits: RegExp;
  readonly isShare?: boolean;
}

const KINDS: readonly Kind[] = [
  { title: 'loss', fits: /loss$/i },
  { title: 'score', fits: SCORES, isShare: true },
  { title: 'learning rate', fits: /learningRate$/i },
  { title: 'entropy of the architecture, nats', fits: /entropy$/i },
  { title: 'discretisation gap', fits: /gap$/i },
  { title: 'other', fits: /^(?!.*(loss|miou|dice|accuracy|learningRate|entropy|gap)$)/i },
];

export function CurvesView({ detail, events }: LoadedRun) {
  const [smoothing, setSmoothing] = useState(0.9);
  const [logarithmic, setLogarithmic] = useState(false);
  const compared = [[detail.summary.id, events] as const, ...others.value];
  const isAlone = compared.length === 1;
  const gathered = compared.map(([id, list], i) => ({ id, place: i, ...linesOf(list), limits: entropyLimits(list) }));
  if (gathered.every(({ steps, metrics }) => steps.size + metrics.size === 0))
    return (
      <Empty title="No numbers yet">
        <p>{whyEmpty('curves', { detail, events })}</p>
        <Compare />
      </Empty>
    );
  const charts = KINDS.map((kind) => {
    let next = 0;
    const lines = gathered.flatMap(({ id, place, steps, metrics, limits }): Line[] => {
      const named = (name: string) => (isAlone ? words(name) : `${id}: ${words(name)}`);
      const colourOf = () => (isAlone ? next++ : place) % COLOURS;
      const own: Line[] = [];
      const loss = kind.title === 'loss' ? steps.get('loss') : undefined;
      if (loss) {
        const line = colourOf();
        own.push({ name: named('each step'), points: loss, faint: true, colour: line });
        if (smoothing > 0) own.push({ name: named('smoothed'), points: smoothed(loss, smoothing), colour: line });
      }
      const rate = kind.title === 'learning rate' ? steps.get('learningRate') : undefined;
      if (rate) return [{ name: named('learning rate'), points: rate, colour: colourOf() }];
      const keys = [...metrics.keys()].filter((key) => kind.fits.test(key));
      keys.forEach((key, i) => {
        const line = colourOf();
        const points = metrics.get(key) ?? [];
        own.push({ name: named(key), points, colour: line, dashed: !isAlone && (i > 0 || !!loss) });
        const limit = limits.get(key);
        if (limit === undefined || points.length === 0) return;
        const ends = [points[0][0], points[points.length - 1][0]];
        own.push({
          name: `${named(key)} where nothing is decided`,
          points: ends.map((x) => [x, limit] as const),
          colour: line,
          faint: true,
          dashed: true,
        });
      });
      return own;
    });
    return { ...kind, lines };
  }).filter(({ lines }) => lines.length > 0);
  return (
    <>
      <div class="controls row">
        <Smoothing value={smoothing} onChange={setSmoothing} />
        <label>
          <input
            type="checkbox"
            checked={logarithmic}
            onChange={({ currentTarget }) => setLogarithmic(currentTarget.checked)}
          />{' '}
          logarithmic loss
        </label>
        <Compare />
      </div>
      <div class="charts">
        {charts.map(({ title, lines, isShare }) => (
          <Card key={title} title={title}>
            <Plot
              title={title}
              lines={lines}
              xLabel="epoch"
              group="epochs"
              logarithmic={logarithmic && title === 'loss'}
              {...(isShare ? { format: (value: number) => formatShare(value, 1) } : {})}
            />
          </Card>
        ))}
      </div>
    </>
  );
}

/** Adds runs to draw over this one, and takes them away. */
function Compare() {
  const { run, view, compare } = route.value;
  const rest = [...(runs.value?.keys() ?? [])].filter((id) => id !== run && !compare.includes(id));
  return (
    <span class="compare">
      {compare.map((id) => (
        <button
          key={id}
          type="button"
          class="chip"
          title="take away"
          onClick={() => goTo({ run, view, compare: compare.filter((other) => other !== id) })}
        >
          {id} ✕
        </button>
      ))}
      {rest.length > 0 && (
        <select
          aria-label="draw another run over this one"
          value=""
          onChange={({ currentTarget }) => goTo({ run, view, compare: [...compare, currentTarget.value] })}
        >
          <option value="">compare with …</option>
          {rest.map((id) => (
            <option key={id}>{id}</option>
          ))}
        </select>
      )}
    </span>
  );
}
