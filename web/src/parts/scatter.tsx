/** @file Scores over costs: the networks that no other one beats on a line, by group; seeds and intervals where there are such. */
import { rangeOf } from '../../../src/base/range.ts';
import { ticksOf } from '../../../src/run/report/chart.ts';
import { paretoFront } from '../../../src/run/tables/front.ts';
import { comparable, namesOfGroups } from '../compare.ts';
import { formatShare } from '../format.ts';
import { COLOURS } from './plot.tsx';

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [720, 300, 60, 24, 16, 44];

/** A network; scores are shares in [0, 1]. */
export interface Point {
  readonly id: string;
  readonly name: string;
  /** The address that it leads to. */
  readonly href?: string;
  readonly cost: number;
  readonly score: number;
  /** Drawn as a bar. */
  readonly bounds?: readonly [low: number, high: number];
  /** Drawn as small dots. */
  readonly seeds?: readonly number[];
  /** Points of one group are compared. */
  readonly group: string;
}

interface ScatterProps {
  readonly points: readonly Point[];
  readonly label: string;
  readonly format: (value: number) => string;
  /** What the points are. */
  readonly what?: string;
}

/** Points over their cost, with the best of each group on a line. */
export function Scatter({ points, label, format, what = 'networks' }: ScatterProps) {
  const groups = comparable(points);
  const names = namesOfGroups(groups.map(([group]) => group));
  const fronts = groups.map(([, own]) => paretoFront(own));
  const best = new Set(fronts.flat());
  const places = new Map(groups.flatMap(([, own], i) => own.map((point) => [point, i] as const)));
  const colourOf = (point: Point) => `var(--series-${(places.get(point) ?? 0) % COLOURS})`;
  const scores = points.flatMap(({ score, bounds = [], seeds = [] }) => [score, ...bounds, ...seeds]);
  const [lowest, highest] = rangeOf(scores);
  const margin = Math.max(0.01, 0.15 * (highest - lowest));
  const xTicks = ticksOf(0, rangeOf(points.map(({ cost }) => cost))[1], 5);
  const yTicks = ticksOf(Math.max(0, lowest - margin), highest + margin, 5);
  const [xLow, xHigh, yLow, yHigh] = [xTicks[0], xTicks[xTicks.length - 1], yTicks[0], yTicks[yTicks.length - 1]];
  const x = (cost: number) => LEFT + ((cost - xLow) / (xHigh - xLow)) * (WIDTH - LEFT - RIGHT);
  const y = (score: number) => HEIGHT - BOTTOM - ((score - yLow) / (yHigh - yLow)) * (HEIGHT - TOP - BOTTOM);
  return (
    <>
      <div class="scroll">
        <svg
          class="scatter"
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          role="img"
          aria-label={`score against ${label}; best: ${[...best].map(({ id }) => id).join(', ')}`}
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
            const { id, name, href, cost, score, bounds, seeds = [] } = point;
            const isBest = best.has(point);
            const colour = colourOf(point);
            const between = bounds ? `, ${formatShare(bounds[0], 1)} to ${formatShare(bounds[1], 1)}` : '';
            const mark = (
              <>
                {bounds && (
                  <path
                    class="interval"
                    style={`stroke: ${colour}`}
                    d={`M${x(cost)} ${y(bounds[0])}V${y(bounds[1])}M${x(cost) - 5} ${y(bounds[0])}h10M${x(cost) - 5} ${y(bounds[1])}h10`}
                  />
                )}
                {seeds.map((seed, i) => (
                  <circle key={i} class="seed" style={`fill: ${colour}`} cx={x(cost)} cy={y(seed)} r="2.5" />
                ))}
                <circle
                  class={isBest ? 'best' : ''}
                  style={`${isBest ? 'fill' : 'stroke'}: ${colour}`}
                  cx={x(cost)}
                  cy={y(score)}
                  r="6"
                >
                  <title>{`${id}: ${formatShare(score)}${between}, ${format(cost)} (${names.get(point.group)})`}</title>
                </circle>
                {(isBest || points.length <= 12) && (
                  <text
                    class={isBest ? 'name' : ''}
                    x={x(cost) + (bounds ? 9 : 0)}
                    y={y(score) - (bounds ? 6 : 12)}
                    text-anchor={x(cost) > 0.8 * WIDTH ? 'end' : bounds ? 'start' : 'middle'}
                  >
                    {name}
                  </text>
                )}
              </>
            );
            return href === undefined ? (
              <g key={id}>{mark}</g>
            ) : (
              <a key={id} href={href} aria-label={id}>
                {mark}
              </a>
            );
          })}
        </svg>
      </div>
      {groups.length > 1 && (
        <ul class="legend" aria-label="groups">
          {groups.map(([group], i) => (
            <li key={group}>
              <span class="swatch" style={`background: var(--series-${i % COLOURS})`} />
              {names.get(group)}
            </li>
          ))}
        </ul>
      )}
      <p class="quiet">
        Filled {what} on a line are the best for their cost among those that may be compared
        {points[0].href === undefined ? '.' : '; each point leads to its run.'}
      </p>
    </>
  );
}
