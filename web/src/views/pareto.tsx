/** @file Score against cost: which runs no other run beats in both. */
import { useState } from 'preact/hooks';
import { roundTicks } from '../../../src/run/report/chart.ts';
import type { RunSummary } from '../../../src/server/api.ts';
import { comparable, groupOf, paretoFront } from '../compare.ts';
import { formatBytes, formatCount, formatDuration, formatShare } from '../format.ts';
import { COLOURS } from '../parts/plot.tsx';
import { Card } from '../parts/states.tsx';
import { linkTo } from '../route.ts';

const COSTS = {
  'multiply-adds': {
    of: ({ multiplyAdds }: RunSummary) => multiplyAdds,
    format: formatCount,
    sized: true,
    timed: false,
  },
  parameters: { of: ({ parameters }: RunSummary) => parameters, format: formatCount, sized: false, timed: false },
  'predicted latency': {
    of: ({ latency }: RunSummary) => latency?.ms,
    format: (ms: number) => `${Number(ms.toPrecision(3))} ms`,
    sized: true,
    timed: true,
  },
  'peak memory': { of: ({ peakBytes }: RunSummary) => peakBytes, format: formatBytes, sized: true, timed: false },
  'time of a step': {
    of: ({ stepSeconds }: RunSummary) => stepSeconds,
    format: formatDuration,
    sized: true,
    timed: false,
  },
  'time in all': { of: ({ seconds }: RunSummary) => seconds, format: formatDuration, sized: false, timed: false },
} as const;
type CostName = keyof typeof COSTS;

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [720, 300, 60, 24, 16, 44];

export function ParetoCard({ runs }: { runs: readonly RunSummary[] }) {
  const [name, setName] = useState<CostName>('multiply-adds');
  const { of, format, ...kind } = COSTS[name];
  const points = runs.flatMap((run) => {
    const cost = of(run);
    const group = groupOf(run, kind);
    return cost !== undefined && run.score
      ? [{ id: run.id, run: run.id, name: run.name, group, cost, score: run.score.value }]
      : [];
  });
  const select = (
    <label>
      against{' '}
      <select value={name} onChange={({ currentTarget }) => setName(currentTarget.value as CostName)}>
        {Object.keys(COSTS).map((key) => (
          <option key={key}>{key}</option>
        ))}
      </select>
    </label>
  );
  return (
    <Card title="Score" aside={select}>
      {points.length === 0 ? (
        <p class="quiet">No run has both a score and a count of its {name} yet.</p>
      ) : (
        <Scatter points={points} label={name} format={format} />
      )}
    </Card>
  );
}

interface Point {
  readonly id: string;
  readonly name: string;
  /** The run that it leads to. */
  readonly run?: string;
  readonly cost: number;
  readonly score: number;
  /** Points of one group are compared. */
  readonly group: string;
}

/** Points over their cost, with the best of each group on a line. */
export function Scatter({
  points,
  label,
  format,
}: {
  points: readonly Point[];
  label: string;
  format: (value: number) => string;
}) {
  const groups = comparable(points);
  const fronts = groups.map(([, own]) => paretoFront(own));
  const front = fronts.flat();
  const colourOf = (point: Point) => `var(--series-${groups.findIndex(([, own]) => own.includes(point)) % COLOURS})`;
  const xTicks = ticksOf(0, Math.max(...points.map(({ cost }) => cost)));
  const scores = points.map(({ score }) => score);
  const margin = Math.max(0.01, 0.15 * (Math.max(...scores) - Math.min(...scores)));
  const yTicks = ticksOf(Math.max(0, Math.min(...scores) - margin), Math.max(...scores) + margin);
  const [xLow, xHigh, yLow, yHigh] = [xTicks[0], xTicks[xTicks.length - 1], yTicks[0], yTicks[yTicks.length - 1]];
  const x = (cost: number) => LEFT + ((cost - xLow) / (xHigh - xLow)) * (WIDTH - LEFT - RIGHT);
  const y = (score: number) => HEIGHT - BOTTOM - ((score - yLow) / (yHigh - yLow)) * (HEIGHT - TOP - BOTTOM);
  return (
    <>
      <svg
        class="scatter"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`score against ${label}; best: ${front.map((point) => point.id).join(', ')}`}
      >
        {yTicks.map((tick) => (
          <g key={tick}>
            <path class="grid" d={`M${LEFT} ${y(tick)}H${WIDTH - RIGHT}`} />
            <text x={LEFT - 8} y={y(tick) + 4} text-anchor="end">
              {Number((100 * tick).toPrecision(6))} %
            </text>
          </g>
        ))}
        {xTicks.map((tick) => (
          <text key={tick} x={x(tick)} y={HEIGHT - BOTTOM + 18} text-anchor="middle">
            {format(tick)}
          </text>
        ))}
        <text x={(LEFT + WIDTH - RIGHT) / 2} y={HEIGHT - 6} text-anchor="middle">
          {label}
        </text>
        {fronts.map((own, i) => (
          <polyline
            key={groups[i][0]}
            class="front"
            style={`stroke: var(--series-${i % COLOURS})`}
            points={own.map(({ cost, score }) => `${x(cost)},${y(score)}`).join(' ')}
          />
        ))}
        {points.map((point) => {
          const isBest = front.includes(point);
          const mark = (
            <>
              <circle
                class={isBest ? 'best' : ''}
                style={`${isBest ? 'fill' : 'stroke'}: ${colourOf(point)}`}
                cx={x(point.cost)}
                cy={y(point.score)}
                r="6"
              >
                <title>{`${point.id}: ${formatShare(point.score)}, ${format(point.cost)} (${point.group})`}</title>
              </circle>
              {(isBest || points.length <= 12) && (
                <text
                  class={isBest ? 'name' : ''}
                  x={x(point.cost)}
                  y={y(point.score) - 12}
                  text-anchor={x(point.cost) > 0.8 * WIDTH ? 'end' : 'middle'}
                >
                  {point.name}
                </text>
              )}
            </>
          );
          return point.run === undefined ? (
            <g key={point.id}>{mark}</g>
          ) : (
            <a key={point.id} href={linkTo({ run: point.run })} aria-label={point.id}>
              {mark}
            </a>
          );
        })}
      </svg>
      {groups.length > 1 && (
        <ul class="legend" aria-label="data">
          {groups.map(([group], i) => (
            <li key={group}>
              <span class="swatch" style={`background: var(--series-${i % COLOURS})`} />
              {group}
            </li>
          ))}
        </ul>
      )}
      <p class="quiet">
        Runs on a line are the best for their cost among those that may be compared
        {points[0].run === undefined ? '.' : '; each point leads to its run.'}
      </p>
    </>
  );
}

const ticksOf = (low: number, high: number): number[] => roundTicks(low, high > low ? high : low + 1, 5);
