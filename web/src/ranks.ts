/** @file Who computes and who waits among the processes of a run. Pure. */
import type { RunEvent } from '../../src/run/events.ts';

/** The seconds of a rank over all epochs in the log. */
export interface RankRow {
  readonly rank: number;
  readonly computed: number;
  /** In collectives, waiting for the others included. */
  readonly communicated: number;
  readonly hidden: number;
  /** Whether the others wait for it: it computes a quarter longer than the rank in the middle. */
  readonly straggles: boolean;
}

const STRAGGLING = 1.25;

/** One row a rank; none for a run of a single process. A run that was resumed with another number of processes counts from there. */
export function ranksOf(events: readonly RunEvent[]): RankRow[] {
  const logged = events.flatMap((event) => (event.type === 'ranks' ? [event] : []));
  const size = logged.at(-1)?.computedSeconds.length ?? 0;
  const since = logged.findLastIndex(({ computedSeconds }) => computedSeconds.length !== size) + 1;
  const epochs = logged.slice(since);
  const sumOf = (key: 'computedSeconds' | 'exchangedSeconds' | 'hiddenSeconds', rank: number) =>
    epochs.reduce((sum, event) => sum + (event[key][rank] ?? 0), 0);
  const computed = Array.from({ length: size }, (_, rank) => sumOf('computedSeconds', rank));
  const middle = [...computed].sort((a, b) => a - b)[(size - 1) >> 1];
  return computed.map((seconds, rank) => ({
    rank,
    computed: seconds,
    communicated: sumOf('exchangedSeconds', rank),
    hidden: sumOf('hiddenSeconds', rank),
    straggles: seconds > STRAGGLING * middle,
  }));
}

/** Share of the time of all ranks that was spent in collectives, in [0, 1]. */
export function communicatedShare(rows: readonly Pick<RankRow, 'computed' | 'communicated'>[]): number {
  const [computed, communicated] = [rows.map((row) => row.computed), rows.map((row) => row.communicated)].map(
    (seconds) => seconds.reduce((sum, each) => sum + each, 0),
  );
  return communicated / (computed + communicated);
}
