/**
 * @file Score against cost in the report of a run that was compared, in a comparison or a race: the networks that no other one beats on a line, the run's own
 * one marked. All of one kind of data and equal conditions, since they are those of one comparison.
 */
import { rangeOf } from '../../base/lists.ts';
import { escapeMarkup } from '../../base/text.ts';
import type { Peer, Peers } from '../peers.ts';
import { paretoFront } from '../tables/front.ts';
import { label, round, ticksOf } from './chart.ts';
import { html, type Markup, trusted } from './html.ts';

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [440, 270, 54, 14, 14, 42];
/** Fewest networks that are a front. */
const FEWEST = 2;
/** With more networks only those on the front, and the run's own, are named in the chart. */
const MOST_NAMES = 8;

interface Axis {
  readonly name: string;
  readonly of: (peer: Peer) => number | undefined;
}

const scaled = (value: number | undefined, by: number): number | undefined =>
  value === undefined ? undefined : value / by;

const AXES: readonly Axis[] = [
  { name: 'multiply-adds, G', of: ({ multiplyAdds }) => scaled(multiplyAdds, 1e9) },
  { name: 'parameters, M', of: ({ parameters }) => scaled(parameters, 1e6) },
  { name: 'memory of a training step, MiB', of: ({ memoryBytes }) => scaled(memoryBytes, 2 ** 20) },
  { name: 'latency, ms', of: ({ latencyMs }) => latencyMs },
];

/** Nothing where the run was not compared, or with no other network. */
export function frontSection(peers: Peers | undefined): Markup | undefined {
  if (peers === undefined || peers.networks.length < FEWEST) return undefined;
  const { of, conditions, score, bounds, own, networks } = peers;
  const axes = AXES.filter((axis) => networks.filter((peer) => axis.of(peer) !== undefined).length >= FEWEST);
  const charts = axes.map(
    (axis) =>
      html`<figure><figcaption><b>${score} against ${axis.name}</b></figcaption>${trusted(drawFront(peers, axis))}</figure>`,
  );
  const row = (peer: Peer) =>
    html`<tr${trusted(peer.name === own ? ' class="own"' : '')}><th scope="row">${peer.name}${peer.name === own ? ' (this run)' : ''}</th><td>${percent(peer.score)}</td><td>${peer.bounds ? `${percent(peer.bounds[0])} to ${percent(peer.bounds[1])}` : '–'}</td><td>${peer.trainings}</td>${axes.map(
      (axis) => {
        const cost = axis.of(peer);
        return html`<td>${cost === undefined ? '–' : short(cost)}</td>`;
      },
    )}</tr>`;
  const sorted = [...networks].sort((a, b) => b.score - a.score);
  return html`<section><h2>Score against cost</h2>
<p class="quiet">The networks of ${of}: ${conditions}. Filled ones on the line are the best for their cost. ${bounds}</p>
<div class="grid-of-charts">${charts}</div>
<div class="scroll"><table class="numbers"><thead><tr><th scope="col">network</th><th scope="col">${score} %</th><th scope="col">bounds</th><th scope="col">trainings</th>${axes.map(({ name }) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${sorted.map(row)}</tbody></table></div></section>`;
}

/** One chart as an SVG element of the page. */
function drawFront({ networks, own, score }: Peers, { name: axis, of }: Axis): string {
  const points = networks.flatMap((peer) => {
    const cost = of(peer);
    return cost === undefined ? [] : [{ ...peer, cost }];
  });
  const front = paretoFront(points);
  const [low, high] = rangeOf(points.flatMap((point) => [point.score, ...(point.bounds ?? [])]));
  const room = Math.max(0.005, 0.1 * (high - low));
  const yTicks = ticksOf(Math.max(0, 100 * (low - room)), Math.min(100, 100 * (high + room)), 5);
  const xTicks = ticksOf(0, rangeOf(points.map(({ cost }) => cost))[1], 4);
  const place = (ticks: readonly number[], from: number, to: number) => (value: number) =>
    round(from + ((value - ticks[0]) / (ticks[ticks.length - 1] - ticks[0])) * (to - from));
  const x = place(xTicks, LEFT, WIDTH - RIGHT);
  const y = place(yTicks, HEIGHT - BOTTOM, TOP);
  const grid = yTicks.map(
    (tick) =>
      `<path d="M${LEFT} ${y(tick)}H${WIDTH - RIGHT}" class="grid"/>${label(LEFT - 7, y(tick) + 4, String(tick), 'end')}`,
  );
  const across = xTicks.map((tick) => label(x(tick), HEIGHT - BOTTOM + 17, short(tick), 'middle'));
  const marks = points.map((point) => {
    const [at, height] = [x(point.cost), y(100 * point.score)];
    const colour = `var(--series-${point.name === own ? 1 : 0})`;
    const isBest = front.includes(point);
    const [bottom, top] = point.bounds?.map((bound) => y(100 * bound)) ?? [];
    const bar = point.bounds
      ? `<path d="M${at} ${bottom}V${top}" style="stroke:${colour};stroke-width:1.5;opacity:.7"/>`
      : '';
    const name =
      points.length <= MOST_NAMES || isBest || point.name === own
        ? label(at + (at > 0.7 * WIDTH ? -8 : 8), height - 7, shortName(point.name), at > 0.7 * WIDTH ? 'end' : 'start')
        : '';
    const title = escapeMarkup(`${point.name}: ${percent(point.score)} %`);
    const dot = `<circle cx="${at}" cy="${height}" r="5" style="stroke:${colour};stroke-width:2;fill:${isBest ? colour : 'var(--card)'}"/>`;
    return `<g><title>${title}</title>${bar}${dot}${name}</g>`;
  });
  return [
    `<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeMarkup(`${score} against ${axis}`)}">`,
    ...grid,
    `<path d="M${LEFT} ${HEIGHT - BOTTOM}H${WIDTH - RIGHT}" class="axis"/>`,
    ...across,
    label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 5, axis, 'middle'),
    `<polyline points="${front.map(({ cost, score: reached }) => `${x(cost)},${y(100 * reached)}`).join(' ')}" class="line" style="stroke:var(--quiet);stroke-dasharray:5 4"/>`,
    ...marks,
    '</svg>',
  ].join('\n');
}

const LONGEST_NAME = 24;
const shortName = (name: string): string => (name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name);

const short = (value: number): string => String(Number(value.toPrecision(3)));
const percent = (value: number): string => (100 * value).toFixed(1);
