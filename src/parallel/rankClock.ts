/**
 * @file Where the seconds of several processes go, epoch by epoch: who computes, and who waits for whom.
 */
import type { Parallel } from './parallel.ts';

/** Seconds of a rank since it was last asked. */
export interface RankSeconds {
  readonly computed: number;
  /** In collectives, waiting for the others included. */
  readonly communicated: number;
  /** Of the computed ones, those in which gradients were all-reduced meanwhile. */
  readonly hidden: number;
}

/** Asked once an epoch by all ranks, for the seconds of each in the order of ranks; null for a single process. */
export type RankClock = () => Promise<readonly RankSeconds[] | null>;

/** Starts now. */
export function startRankClock(parallel: Parallel): RankClock {
  const read = () => ({ clock: performance.now() / 1000, cost: parallel.cost() });
  let before = read();
  return async () => {
    if (parallel.size === 1) return null;
    const { clock, cost } = read();
    const communicated = cost.seconds - before.cost.seconds;
    const all = await parallel.gather<RankSeconds>({
      computed: Math.max(0, clock - before.clock - communicated),
      communicated,
      hidden: cost.hidden - before.cost.hidden,
    });
    // The seconds of this gathering count nowhere.
    before = read();
    return all;
  };
}
