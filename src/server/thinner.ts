/**
 * @file Thins a stream of events to a bounded number while it passes by. Of every stretch the events with the lowest and with the highest
 * loss stay, so that spikes do; of events without a loss the newest. The very last event always stays.
 */
import type { RunEvent } from '../run/events.ts';

/** Events passing by. */
export interface Thinner {
  add(event: RunEvent): void;
  /** Drops those of the kept events that fail. */
  keep(test: (event: RunEvent) => boolean): void;
  /** What is left, in order: at most the limit and one more. */
  events(): RunEvent[];
}

/** A stretch holds at most two events. */
type Stretch = RunEvent[];

/** Keeps about `limit` events, at least half of it where there are so many. */
export function createThinner(limit: number): Thinner {
  let stretches: Stretch[] = [];
  /** Events that a whole stretch stands for. */
  let size = 1;
  let filled = 0;
  let last: RunEvent | undefined;

  const halve = () => {
    stretches = Array.from({ length: Math.ceil(stretches.length / 2) }, (_, i) =>
      extremes([...stretches[2 * i], ...(stretches[2 * i + 1] ?? [])]),
    );
    size *= 2;
  };

  return {
    add(event) {
      last = event;
      if (filled === 0 || stretches.length === 0) {
        if (2 * stretches.length >= limit) halve();
        stretches.push([event]);
        filled = 0;
      } else {
        stretches[stretches.length - 1] = extremes([...stretches[stretches.length - 1], event]);
      }
      filled = (filled + 1) % size;
    },
    keep(test) {
      stretches = stretches.map((stretch) => stretch.filter(test)).filter((stretch) => stretch.length > 0);
      last = last && test(last) ? last : stretches.at(-1)?.at(-1);
      filled = 0;
    },
    events() {
      const kept = stretches.flat();
      return last && kept.at(-1) !== last ? [...kept, last] : kept;
    },
  };
}

function extremes(events: RunEvent[]): Stretch {
  if (events.length <= 1) return events;
  const losses = events.map((event) => ('loss' in event ? event.loss : null));
  if (losses.every((loss) => loss === null)) return [events[events.length - 1]];
  const low = losses.reduce<number>((best, loss, i) => (better(loss, losses[best], -1) ? i : best), 0);
  const high = losses.reduce<number>((best, loss, i) => (better(loss, losses[best], 1) ? i : best), 0);
  return [...new Set([Math.min(low, high), Math.max(low, high)])].map((i) => events[i]);
}

const better = (loss: number | null, than: number | null, sign: 1 | -1): boolean =>
  loss !== null && (than === null || sign * loss > sign * than);
