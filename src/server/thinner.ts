/**
 * @file Thins a stream of events to a bounded number while it passes by. Of every stretch the events with the lowest and with the highest
 * loss stay, so that spikes do; of events without a loss the newest. The very last event always stays. Where events are large, fewer stay.
 */
import type { RunEvent } from '../run/events.ts';

/** Events passing by. */
export interface Thinner {
  /** @param bytes what it takes; default 0 */
  add(event: RunEvent, bytes?: number): void;
  /** Drops those of the kept events that fail. */
  keep(test: (event: RunEvent) => boolean): void;
  /** What is left, in order: at most the limit and one more. */
  events(): RunEvent[];
}

/** A stretch holds at most two events. */
type Stretch = RunEvent[];

/** Keeps about `limit` events, at least half of it where there are so many, of together at most `mostBytes` and two stretches. */
export function createThinner(limit: number, mostBytes = Number.POSITIVE_INFINITY): Thinner {
  const sizes = new WeakMap<RunEvent, number>();
  const bytesOf = (stretch: Stretch) => stretch.reduce((sum, event) => sum + (sizes.get(event) ?? 0), 0);
  let held = 0;
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
    held = stretches.reduce((sum, stretch) => sum + bytesOf(stretch), 0);
  };

  return {
    add(event, bytes = 0) {
      sizes.set(event, bytes);
      last = event;
      if (filled === 0 || stretches.length === 0) {
        if (2 * stretches.length >= limit) halve();
        stretches.push([event]);
        held += bytes;
        filled = 0;
      } else {
        const before = stretches[stretches.length - 1];
        const now = extremes([...before, event]);
        stretches[stretches.length - 1] = now;
        held += bytesOf(now) - bytesOf(before);
      }
      filled = (filled + 1) % size;
      while (held > mostBytes && stretches.length > 2) {
        halve();
        filled = 0;
      }
    },
    keep(test) {
      stretches = stretches.map((stretch) => stretch.filter(test)).filter((stretch) => stretch.length > 0);
      held = stretches.reduce((sum, stretch) => sum + bytesOf(stretch), 0);
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
