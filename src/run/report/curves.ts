/**
 * @file The curves of a run: losses, learning rate, scores and entropies over epochs, from its events.
 */
import { type Chart, drawChart, SERIES_COLOURS, type Series } from './chart.ts';
import type { EventOf, ReportData } from './data.ts';
import { html, type Markup, trusted } from './html.ts';

type Points = [number, number | null][];

/** One mIoU, of an epoch (from 0) where it belongs to one. */
export interface ScoredEpoch {
  readonly epoch: number | undefined;
  readonly split: string;
  readonly miou: number | null;
}

/** The mIoU of every evaluation; those that the epochs name when there are no evaluations. */
export function scoredEpochs({ events }: Pick<ReportData, 'events'>): ScoredEpoch[] {
  const evaluations = events.filter((event) => event.type === 'evaluation');
  if (evaluations.length > 0) return evaluations.map(({ epoch, split, miou }) => ({ epoch, split, miou }));
  return epochsOf(events).flatMap(({ epoch, metrics: { miou } }) =>
    typeof miou === 'number' ? [{ epoch, split: 'val', miou }] : [],
  );
}

/** The charts that the events have numbers for. */
export function curvesSection(data: ReportData): Markup | undefined {
  const epochs = epochsOf(data.events);
  const charts: Chart[] = [
    {
      title: 'loss',
      xLabel: 'epoch',
      scale: 'auto',
      series: [...stepSeries(data, ({ loss }) => loss, true), ...metricSeries(epochs, /loss$/i, ', epoch mean')],
    },
    { title: 'mIoU, %', xLabel: 'epoch', series: scoreSeries(data), include: [0] },
    {
      title: 'mean Dice of the foreground',
      xLabel: 'epoch',
      series: metricSeries(epochs, /^dice$/).map(connected),
      include: [0, 1],
    },
    {
      title: 'learning rate',
      xLabel: 'epoch',
      series: stepSeries(data, ({ learningRate }) => learningRate, false),
      include: [0],
    },
    {
      title: 'entropy of the architecture, nats',
      xLabel: 'epoch',
      series: [...metricSeries(epochs, /entropy$/i), ...limitSeries(data.events, epochs)],
      include: [0],
    },
  ];
  const shown = charts.filter(({ series }) => series.some(({ points }) => points.length > 0));
  if (shown.length === 0) return undefined;
  return html`<section><h2>Curves</h2><div class="grid-of-charts">${shown.map(figure)}</div></section>`;
}

function figure(chart: Chart): Markup {
  const legend = chart.series.map(
    ({ name }, i) =>
      html`<span class="key"><i style="background:var(--series-${i % SERIES_COLOURS})"></i>${name}</span> `,
  );
  return html`<figure><figcaption><b>${chart.title}</b> ${legend}</figcaption>${trusted(drawChart(chart))}</figure>`;
}

const epochsOf = (events: ReportData['events']): EventOf<'epoch'>[] => events.filter((event) => event.type === 'epoch');

/** One line a phase. A step lies inside its epoch; the end of epoch e (from 0) is at e + 1. */
function stepSeries(
  { events }: ReportData,
  value: (event: EventOf<'step'>) => number | null,
  faint: boolean,
): Series[] {
  const steps = events.filter((event) => event.type === 'step');
  return [...new Set(steps.map(({ phase }) => phase))].map((phase) => {
    const own = steps.filter((event) => event.phase === phase);
    // The longest epoch is a whole one, but in the first epoch of a run that is going.
    const longest = own.reduce((most, { step }) => Math.max(most, step), 1);
    const points = own.map((event): [number, number | null] => [event.epoch + event.step / longest, value(event)]);
    return { name: `${phase}, each step`, points, faint };
  });
}

/** One line for each metric whose name fits, by phase when there are several. */
function metricSeries(epochs: readonly EventOf<'epoch'>[], pattern: RegExp, ending = ''): Series[] {
  const phases = new Set(epochs.map(({ phase }) => phase));
  const lines = new Map<string, Points>();
  for (const { phase, epoch, metrics } of epochs) {
    for (const [key, value] of Object.entries(metrics)) {
      if (!pattern.test(key)) continue;
      const name = phases.size > 1 ? `${phase} ${words(key)}` : words(key);
      const points = lines.get(name) ?? [];
      points.push([epoch + 1, value]);
      lines.set(name, points);
    }
  }
  return [...lines]
    .filter(([, points]) => points.some(([, value]) => value !== null))
    .map(([name, points]) => ({ name: name + ending, points }));
}

/** The entropies of a uniform choice, which are their upper limits, as level lines. */
function limitSeries(events: ReportData['events'], epochs: readonly EventOf<'epoch'>[]): Series[] {
  const last = events.findLast((event) => event.type === 'architecture');
  if (last?.type !== 'architecture' || epochs.length === 0) return [];
  const ends = [epochs[0].epoch + 1, epochs[epochs.length - 1].epoch + 1];
  return Object.entries(last.limits ?? {}).flatMap(([of, nats]) =>
    typeof nats === 'number'
      ? [{ name: `${of} where nothing is decided`, points: ends.map((x): [number, number] => [x, nats]), faint: true }]
      : [],
  );
}

/** The line from evaluation to evaluation, over the epochs that had none. */
const connected = (series: Series): Series => ({
  ...series,
  points: series.points.filter(([, value]) => value !== null),
});

function scoreSeries(data: ReportData): Series[] {
  const scores = scoredEpochs(data).filter(({ epoch }) => epoch !== undefined);
  return [...new Set(scores.map(({ split }) => split))].map((split) => ({
    name: split,
    points: scores
      .filter((score) => score.split === split)
      .map(({ epoch, miou }): [number, number | null] => [(epoch as number) + 1, miou === null ? null : 100 * miou]),
  }));
}

/** `weightLoss` as `weight loss`. */
export const words = (key: string): string => key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).trim();
