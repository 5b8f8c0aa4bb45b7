/**
 * @file A line chart as SVG for a page: axes with round numbers, gaps where a value is missing. Colours are the page's
 * (`--series-0` ... `--series-3`, `currentColor`), so it follows light and dark.
 */
import { rangeOf } from '../../base/lists.ts';
import { escapeMarkup } from '../../base/text.ts';

/** One line of a chart. */
export interface Series {
  readonly name: string;
  /** Ascending in x; y is null where there is no number, which breaks the line. */
  readonly points: readonly (readonly [x: number, y: number | null])[];
  /** Thin and pale: the noisy data behind a mean. */
  readonly faint?: boolean;
}

/** What a chart shows. */
export interface Chart {
  readonly title: string;
  readonly xLabel: string;
  readonly series: readonly Series[];
  /** `auto` takes a logarithmic scale when all values are positive and span more than a factor of 100. Default `linear`. */
  readonly scale?: 'linear' | 'auto';
  /** Values that the axis must include. */
  readonly include?: readonly number[];
}

const WIDTH = 440;
const HEIGHT = 250;
const LEFT = 54;
const RIGHT = 14;
const TOP = 12;
const BOTTOM = 40;
/** Colours a page defines. */
export const SERIES_COLOURS = 4;
/** More points than this are thinned: no screen shows them. */
const BUCKETS = 300;

/** The chart as an SVG element of a page, 440 x 250 units; no line when there is no number. */
export function drawChart(chart: Chart): string {
  const lines = chart.series.map((series) => ({ ...series, points: thinned(series.points) }));
  const all = lines.flatMap(({ points }) => points);
  const values = [...all.flatMap(([, y]) => (isNumber(y) ? [y] : [])), ...(chart.include ?? [])];
  const xs = all.map(([x]) => x);
  const [xLow, xHigh] = spread(...rangeOf([0, ...xs]));
  const [low, high] = values.length > 0 ? rangeOf(values) : [0, 1];
  const logarithmic = chart.scale === 'auto' && low > 0 && high / low > 100;
  const yTicks = logarithmic ? powersOfTen(low, high) : ticksOf(low, high, 5);
  const toScale = (y: number) => (logarithmic ? Math.log10(y) : y);
  const [bottom, top] = logarithmic
    ? [toScale(low), toScale(high)]
    : [Math.min(low, yTicks[0]), Math.max(high, yTicks.at(-1) as number)];
  const x = (value: number) => LEFT + ((value - xLow) / (xHigh - xLow)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => HEIGHT - BOTTOM - ((toScale(value) - bottom) / (top - bottom)) * (HEIGHT - TOP - BOTTOM);

  const grid = yTicks.map(
    (tick) =>
      `<path d="M${LEFT} ${round(y(tick))}H${WIDTH - RIGHT}" class="grid"/>${label(LEFT - 7, y(tick) + 4, formatTick(tick), 'end')}`,
  );
  const across = roundTicks(xLow, xHigh, 6).filter((tick) => tick <= xHigh);
  const ticks = across.map(
    (tick) =>
      `<path d="M${round(x(tick))} ${HEIGHT - BOTTOM}v4" class="axis"/>${label(x(tick), HEIGHT - BOTTOM + 17, formatTick(tick), 'middle')}`,
  );
  const drawn = lines.map(({ points, faint }, i) => {
    const colour = `var(--series-${i % SERIES_COLOURS})`;
    return runsOf(points).map((run) =>
      run.length === 1
        ? `<circle cx="${round(x(run[0][0]))}" cy="${round(y(run[0][1]))}" r="${faint ? 1 : 3}" style="fill:${colour}"${faint ? ' opacity="0.45"' : ''}/>`
        : `<polyline points="${run.map(([px, py]) => `${round(x(px))},${round(y(py))}`).join(' ')}" style="stroke:${colour}" class="${faint ? 'faint' : 'line'}"/>`,
    );
  });
  const empty = all.some(([, value]) => isNumber(value))
    ? ''
    : label(WIDTH / 2, HEIGHT / 2, 'no numbers yet', 'middle');
  return [
    `<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeMarkup(chart.title)}">`,
    ...grid,
    `<path d="M${LEFT} ${HEIGHT - BOTTOM}H${WIDTH - RIGHT}" class="axis"/>`,
    ...ticks,
    label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 5, chart.xLabel, 'middle'),
    ...drawn.flat(),
    empty,
    '</svg>',
  ].join('\n');
}

/** Round numbers (1, 2, 5 times a power of ten) that enclose `[low, high]` with about `count` steps. */
export function roundTicks(low: number, high: number, count: number): number[] {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= raw * (1 - 1e-9)) as number) * power;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  // Multiplying and rounding keeps 0.1 + 0.2 out of the labels.
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** {@link roundTicks} also where the interval is empty, or too small for its steps. */
export const ticksOf = (low: number, high: number, count: number): number[] => roundTicks(...spread(low, high), count);

function powersOfTen(low: number, high: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.ceil(Math.log10(low) - 1e-9); 10 ** power <= high * (1 + 1e-9); power++)
    ticks.push(10 ** power);
  const every = Math.ceil(ticks.length / 7);
  return ticks.filter((_, i) => i % every === 0);
}

/** An interval that is not empty, nor so small that its steps would drown in rounding. */
function spread(low: number, high: number): [number, number] {
  if (high - low > Math.max(1e-9 * Math.abs(low), 1e-9 * Math.abs(high), 1e-100)) return [low, high];
  const half = Math.abs(low) > 1e-90 ? Math.abs(low) / 2 : 0.5;
  return [low - (low > 0 ? half : 0), high + half];
}

/** The lowest and the highest point of each of at most 300 stretches, in order: spikes stay, and so do gaps. */
function thinned(points: Series['points']): Series['points'] {
  if (points.length <= 2 * BUCKETS) return points;
  const size = Math.ceil(points.length / BUCKETS);
  return Array.from({ length: Math.ceil(points.length / size) }, (_, b) => {
    const stretch = points.slice(b * size, (b + 1) * size);
    const order = stretch
      .map(([, y], i) => ({ y, i }))
      .filter((entry): entry is { y: number; i: number } => isNumber(entry.y));
    const missing = stretch.findIndex(([, y]) => !isNumber(y));
    const lowest = order.reduce((best, entry) => (entry.y < best.y ? entry : best), order[0]);
    const highest = order.reduce((best, entry) => (entry.y > best.y ? entry : best), order[0]);
    const kept = [...new Set([lowest?.i, highest?.i, missing].filter((i) => i !== undefined && i >= 0))];
    return kept.sort((a, b) => (a as number) - (b as number)).map((i) => stretch[i as number]);
  }).flat();
}

/** The stretches without gaps. */
function runsOf(points: Series['points']): [number, number][][] {
  const runs: [number, number][][] = [[]];
  for (const [x, y] of points) {
    if (isNumber(y)) runs.at(-1)?.push([x, y]);
    else runs.push([]);
  }
  return runs.filter((run) => run.length > 0);
}

const isNumber = (value: number | null | undefined): value is number =>
  typeof value === 'number' && Number.isFinite(value);

const formatTick = (value: number): string => {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential().replace('e+', 'e') : String(value);
};

/** A text of a chart, at its baseline. */
export const label = (x: number, y: number, text: string, anchor: 'start' | 'middle' | 'end'): string =>
  `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escapeMarkup(text)}</text>`;

/** Coordinates in tenths of a unit. */
export const round = (value: number): number => Math.round(value * 10) / 10;
