/**
 * @file The one stream that a page follows. After a break it resumes at the byte of the log where it stopped, whatever server answers.
 */
import { signal } from '@preact/signals';
import type { RunEvent } from '../../src/run/events.ts';
import type { RunsMessage } from '../../src/server/api.ts';

/** What a page receives. */
export interface Listener {
  runs(message: RunsMessage): void;
  /** New events of the run that is followed, and the byte behind them. */
  events(events: readonly RunEvent[], offset: number): void;
  /** The log was replaced: everything has to be loaded again. */
  reset(): void;
}

/** How the connection stands. */
export const connection = signal<'connecting' | 'live' | 'lost'>('connecting');

const SHORTEST_PAUSE = 500;
const LONGEST_PAUSE = 5000;

/** Follows the table of runs and, where one is named, the log of a run from a byte on. Returns how to stop. */
export function follow(listener: Listener, run?: { readonly id: string; readonly offset: number }): () => void {
  let offset = run?.offset ?? 0;
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pause = SHORTEST_PAUSE;

  const open = () => {
    const query = run ? `?run=${encodeURIComponent(run.id)}&from=${offset}` : '';
    const stream = new EventSource(`api/stream${query}`);
    source = stream;
    stream.onopen = () => {
      connection.value = 'live';
      pause = SHORTEST_PAUSE;
    };
    // Not left to the browser: some of them give up after an error.
    stream.onerror = () => {
      stream.close();
      connection.value = 'lost';
      timer = setTimeout(open, pause);
      pause = Math.min(LONGEST_PAUSE, 2 * pause);
    };
    stream.addEventListener('runs', ({ data }) => listener.runs(JSON.parse(data) as RunsMessage));
    stream.addEventListener('events', ({ data, lastEventId }) => {
      offset = Number(lastEventId);
      listener.events(JSON.parse(data) as RunEvent[], offset);
    });
    stream.addEventListener('reset', () => listener.reset());
  };
  open();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}
