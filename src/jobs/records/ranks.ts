/**
 * @file What a run of several processes reports about them. All of it is silent for a single process.
 */
import { formatBytes } from '../../base/text.ts';
import type { Parallel } from '../../parallel/parallel.ts';
import type { RankSeconds } from '../../parallel/rankClock.ts';
import type { EventLog } from '../../run/eventLog.ts';
import type { Reporter } from '../watcher.ts';

/** Reports at the start that several processes share the run, and how their norms see a batch. */
export function reportProcesses(
  { note }: Reporter,
  { size }: Parallel,
  { syncNorms = false }: { readonly syncNorms?: boolean },
): void {
  if (size === 1) return;
  const norms = syncNorms
    ? 'batch norms take their statistics over whole batches'
    : "batch norms see each process's part of a batch only (syncNorms=true: whole batches)";
  note(`${size} processes share each batch; ${norms}`);
}

/** Reports at the end what the collectives cost in `seconds` of a run. */
export function reportCollectives({ note }: Reporter, parallel: Parallel, seconds: number): void {
  if (parallel.size === 1) return;
  const cost = parallel.cost();
  const percent = (part: number, whole: number) => `${Math.round((100 * part) / whole)} %`;
  const overlapped =
    cost.underWay > 0
      ? `; ${percent(cost.hidden, cost.underWay)} of the gradient all-reduce overlapped with the backward pass`
      : '';
  note(
    `${percent(cost.seconds, seconds)} of rank 0's time spent in collectives (${formatBytes(cost.bytes)})${overlapped}`,
  );
}

/** Logs where the seconds of an epoch went, rank by rank. */
export function logRanks(log: EventLog, epoch: number, ranks: readonly RankSeconds[] | null): void {
  if (!ranks) return;
  log.append({
    type: 'ranks',
    epoch,
    computedSeconds: ranks.map(({ computed }) => computed),
    exchangedSeconds: ranks.map(({ communicated }) => communicated),
    hiddenSeconds: ranks.map(({ hidden }) => hidden),
  });
}
