/** @file Scores over costs: the networks that no other one beats on a line, by group; seeds and intervals where there are such. As wide as its place. */
import { rangeOf } from '../../../src/base/lists.ts';
import { ticksOf } from '../../../src/run/report/chart.ts';
import { paretoFront } from '../../../src/run/tables/front.ts';
import { type Box, shownCosts, withRoom } from '../axes.ts';
import { comparable, namesOfGroups } from '../compare.ts';
import { formatShare } from '../format.ts';
import { COLOURS } from './plot.tsx';
import { useWidth } from './useWidth.ts';

const [HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [320, 56, 28, 16, 44];
/** Pixels of a letter of a name, about, and of a line. */
const [LETTER, LINE] = [7, 14];
/** Between a point and its name. */
const GAP = 7;
/** Names beyond this number are not tried: comparing their boxes would take long. */
const MOST_NAMES = 300;

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
  const [place, wide] = useWidth<HTMLDivElement>();
  const width = Math.max(280, wide);
  const groups = comparable(points);
  const names = namesOfGroups(groups.map(([group]) => group));
  const fronts = groups.map(([, own]) => paretoFront(own));
  const best = new Set(fronts.flat());
  const places = new Map(groups.flatMap(([, own], i) => own.map((point) => [point, i] as const)));
  const colourOf = (point: Point) => `var(--series-${(places.get(point) ?? 0) % COLOURS})`;
  const scores = points.flatMap(({ score, bounds = [], seeds = [] }) => [score, ...bounds, ...seeds]);
  const [lowest, highest] = rangeOf(scores);
  const margin = Math.max(0.01, 0.15 * (highest - lowest));
  const xTicks = ticksOf(...shownCosts(...rangeOf(points.map(({ cost }) => cost))), width < 500 ? 3 : 5);
  const yTicks = ticksOf(Math.max(0, lowest - margin), highest + margin, 5);
  const [xLow, xHigh, yLow, yHigh] = [xTicks[0], xTicks[xTicks.length - 1], yTicks[0], yTicks[yTicks.length - 1]];
  const x = (cost: number) => LEFT + ((cost - xLow) / (xHigh - xLow)) * (width - LEFT - RIGHT);
  const y = (score: number) => HEIGHT - BOTTOM - ((score - yLow) / (yHigh - yLow)) * (HEIGHT - TOP - BOTTOM);
  const labels = namedOf(points, best).map((point) => labelsOf(point, x(point.cost), y(point.score), width));
  const marks = points.map((point) => ({ x: x(point.cost) - 6, y: y(point.score) - 6, width: 12, height: 12 }));
  const shown = new Map(withRoom(labels, marks).map((one) => [one.point, one]));
  return (
    <>
      <div ref={place}>
        <svg
          class="scatter"
          width={width}
          height={HEIGHT}
          role="img"
          aria-label={`score against ${label}; best: ${[...best].map(({ id }) => id).join(', ')}`}
        >
          {yTicks.map((tick) => (
            <g key={tick}>
              <path class="grid" d={`M${LEFT} ${y(tick)}H${width - RIGHT}`} />
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
          <text x={(LEFT + width - RIGHT) / 2} y={HEIGHT - 6} text-anchor="middle">
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
            const { id, href, cost, score, bounds, seeds = [] } = point;
            const isBest = best.has(point);
            const colour = colourOf(point);
            const between = bounds ? `, ${formatShare(bounds[0], 1)} to ${formatShare(bounds[1], 1)}` : '';
            const text = shown.get(point);
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
                {text && (
                  <text class={isBest ? 'name' : ''} x={text.x} y={text.y + LINE - 3}>
                    {text.name}
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

/** Points whose names are tried, those of the fronts first. */
const namedOf = (points: readonly Point[], best: ReadonlySet<Point>): Point[] =>
  [...best, ...points.filter((point) => !best.has(point))].slice(0, MOST_NAMES);

/** The name of a point to its right, or to its left, where it is in the drawing; cut where there is no room on either side. */
function labelsOf(point: Point, x: number, y: number, width: number): (Box & { point: Point; name: string })[] {
  const most = Math.max(3, Math.floor((Math.max(x - LEFT, width - x) - GAP) / LETTER));
  const name = point.name.length > most ? `${point.name.slice(0, most - 1)}…` : point.name;
  const taken = LETTER * name.length;
  const inside = [x + GAP, x - GAP - taken].filter((left) => left >= LEFT && left + taken <= width);
  return inside.map((left) => ({ point, name, x: left, y: y - LINE - 3, width: taken, height: LINE }));
}
