/** @file The numbers of a log as lines over the epochs. Pure. The end of epoch e (from 0) is at e + 1. */
import type { RunEvent } from '../../src/run/events.ts';

/** Points of a line, ascending in x; null breaks the line. */
export type Points = readonly (readonly [x: number, y: number | null])[];

/** Scores in [0, 1]. */
export const SCORES = /(miou|dice|accuracy)$/i;

/** The lines of one run: metrics by epoch, and of the losses every step. */
export function linesOf(events: readonly RunEvent[]): {
  steps: Map<string, [number, number | null][]>;
  metrics: Map<string, [number, number | null][]>;
} {
  const steps = new Map<string, [number, number | null][]>();
  const metrics = new Map<string, [number, number | null][]>();
  const add = (lines: Map<string, [number, number | null][]>, name: string, x: number, y: number | null) => {
    const points = lines.get(name) ?? [];
    points.push([x, y]);
    lines.set(name, points);
  };
  // The longest epoch is a whole one, but in the first epoch of a run that is going.
  const longest = events.reduce((most, event) => (event.type === 'step' ? Math.max(most, event.step) : most), 1);
  const ofEpochs = new Set(events.flatMap((event) => (event.type === 'epoch' ? Object.keys(event.metrics) : [])));
  for (const event of events) {
    if (event.type === 'step') {
      add(steps, 'loss', event.epoch + event.step / longest, event.loss);
      add(steps, 'learningRate', event.epoch + event.step / longest, event.learningRate);
    } else if (event.type === 'epoch') {
      for (const [key, value] of Object.entries(event.metrics)) add(metrics, key, event.epoch + 1, value);
    } else if (event.type === 'evaluation' && event.epoch !== undefined) {
      for (const [key, value] of Object.entries(scoresOf(event)))
        if (!ofEpochs.has(key)) add(metrics, key, event.epoch + 1, value);
    }
  }
  for (const [key, points] of metrics) if (points.every(([, y]) => y === null)) metrics.delete(key);
  return { steps, metrics };
}

/** The entropies of a uniform choice that a search logs, by the metric that they limit: `operatorEntropy`. */
export function entropyLimits(events: readonly RunEvent[]): Map<string, number> {
  const last = events.findLast((event) => event.type === 'architecture');
  const limits = last?.type === 'architecture' ? Object.entries(last.limits ?? {}) : [];
  return new Map(
    limits.flatMap(([of, nats]): [string, number][] =>
      typeof nats === 'number' ? [[`${of.replace(/s$/, '')}Entropy`, nats]] : [],
    ),
  );
}

/** The scores of an evaluation, whatever it measured. */
const scoresOf = (event: Extract<RunEvent, { type: 'evaluation' }>): Record<string, number> =>
  Object.fromEntries(
    Object.entries({ ...event, ...event.volumes }).filter(
      (field): field is [string, number] => SCORES.test(field[0]) && typeof field[1] === 'number',
    ),
  );

/** Seconds a step: of neighbouring steps of an epoch in the (perhaps thinned) log, their time over the steps between them. */
export function paceOf(events: readonly RunEvent[]): Points {
  const steps = events.flatMap((event) => (event.type === 'step' ? [event] : []));
  const longest = steps.reduce((most, { step }) => Math.max(most, step), 1);
  return steps.slice(1).flatMap((event, i): [number, number][] => {
    const before = steps[i];
    const between = event.step - before.step;
    if (event.epoch !== before.epoch || between < 1) return [];
    return [[event.epoch + event.step / longest, (Date.parse(event.time) - Date.parse(before.time)) / 1000 / between]];
  });
}

/** An exponential mean of a line, `weight` in [0, 1) of what was before, without the bias of its beginning. */
export function smoothed(points: Points, weight: number): [number, number | null][] {
  let mean = 0;
  let mass = 0;
  return points.map(([x, y]) => {
    if (y === null) return [x, null];
    mean = weight * mean + (1 - weight) * y;
    mass = weight * mass + (1 - weight);
    return [x, mean / mass];
  });
}
