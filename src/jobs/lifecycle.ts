/**
 * @file What searches and trainings in a run folder share: who is told, the machine set up as the settings say, checkpoints by the clock.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, relative } from 'node:path';
import { NumericError, StoppedError } from '../base/errors.ts';
import { formatBytes } from '../base/text.ts';
import { chooseDevice, engineFacts, threads } from '../engine/device.ts';
import { type Parallel, singleProcess } from '../parallel/parallel.ts';
import type { RankSeconds } from '../parallel/rankClock.ts';
import type { EventLog } from '../run/eventLog.ts';
import type { RunStatus } from '../run/events.ts';
import type { RunFolder } from '../run/folder.ts';
import type { OpenRun } from '../run/openRun.ts';
import { writeReport } from '../run/report/report.ts';

/** Is told how a run goes on: a progress bar, or nobody. */
export interface RunWatcher {
  /** `share` of the work that is done, in [0, 1], and a word about it. */
  progress(share: number, note: string): void;
  /** A line worth keeping. */
  line(text: string): void;
}

/** Listens to nothing. */
export const SILENT: RunWatcher = { progress: () => undefined, line: () => undefined };

/** Sets threads and device as the settings say, for one of the processes of this machine; returns the device. */
export function prepareMachine(
  config: { threads: number; device: string },
  { localRank, localSize }: Pick<Parallel, 'localRank' | 'localSize'> = singleProcess,
): string {
  threads(config.threads > 0 ? config.threads : Math.max(1, Math.floor(availableParallelism() / localSize)));
  const device = chooseDevice(config.device);
  return device === 'cuda' && localSize > 1 ? `cuda:${localRank}` : device;
}

/** Versions for the event log. */
export function versions(): Record<string, string> {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return { espalier: version, libtorch: engineFacts().version, node: process.versions.node };
}

/** Says what the user should know about how a run was found. */
export function logNotices({ notices, log }: OpenRun<unknown>, watcher: RunWatcher): void {
  for (const message of notices) {
    log.append({ type: 'warning', message });
    watcher.line(`note: ${message}`);
  }
}

/** Says that several processes share the run, and how their norms see a batch. */
export function logProcesses(
  { size }: Parallel,
  { syncNorms }: { syncNorms: boolean },
  log: EventLog,
  watcher: RunWatcher,
) {
  if (size === 1) return;
  const norms = syncNorms
    ? 'norms see whole batches'
    : "batch norms see each process's part alone (syncNorms=true: whole batches)";
  logNote(`${size} processes share each batch; ${norms}`, log, watcher);
}

/** Says what the exchanges of several processes cost in `seconds` of a run. */
export function logCollectives(parallel: Parallel, seconds: number, log: EventLog, watcher: RunWatcher): void {
  if (parallel.size === 1) return;
  const cost = parallel.cost();
  const percent = (part: number, whole: number) => `${Math.round((100 * part) / whole)} %`;
  const hidden =
    cost.underWay > 0 ? `; of that of gradients ${percent(cost.hidden, cost.underWay)} passed while it computed` : '';
  logNote(
    `${percent(cost.seconds, seconds)} of the time of rank 0 went into exchanges of ${formatBytes(cost.bytes)}${hidden}`,
    log,
    watcher,
  );
}

/** Writes down where the seconds of an epoch went, rank by rank; nothing of a single process. */
export function logRanks(log: EventLog, epoch: number, ranks: readonly RankSeconds[] | null): void {
  if (!ranks) return;
  log.append({
    type: 'ranks',
    epoch,
    computedSeconds: ranks.map(({ computed }) => computed),
    exchangedSeconds: ranks.map(({ exchanged }) => exchanged),
    hiddenSeconds: ranks.map(({ hidden }) => hidden),
  });
}

/** Says what is worth knowing, once now and once for the log. */
export function logNote(message: string, log: EventLog, watcher: RunWatcher): void {
  log.append({ type: 'note', message });
  watcher.line(message);
}

/** Says what looks wrong, once now and once for the log. */
export function logWarning(message: string, log: EventLog, watcher: RunWatcher): void {
  log.append({ type: 'warning', message });
  watcher.line(`warning: ${message}`);
}

/**
 * What a run leaves that threw: its work saved if it was stopped, the end in its log, its report. Returns the error to throw on.
 *
 * A disk that took no more events takes no end either: the error that came first is the one that is told.
 */
export function endWithError(
  command: string,
  { folder, log }: OpenRun<unknown>,
  thrown: unknown,
  save: () => void,
): unknown {
  let error = thrown;
  if (thrown instanceof StoppedError) {
    try {
      save();
      error = new StoppedError(
        'stopped: everything up to here is saved',
        `go on with: ${resumeCommand(command, folder)}`,
      );
    } catch (refusal) {
      error = refusal;
    }
  }
  try {
    log.append({ type: 'end', status: statusOf(error), message: (error as Error).message });
    writeReport(folder);
  } catch {
    // See above.
  }
  return error;
}

/** How a run ended that threw: a loss that is no number is a result, as is a stop; anything else is a failure. */
function statusOf(error: unknown): RunStatus {
  if (error instanceof StoppedError) return 'stopped';
  return error instanceof NumericError ? 'diverged' : 'failed';
}

function resumeCommand(command: string, { name, path }: RunFolder): string {
  const runs = relative(process.cwd(), dirname(dirname(path))) || '.';
  return `espalier ${command} --resume name=${name}${runs === 'runs' ? '' : ` runs=${runs}`}`;
}

/** Calls `save` when `minutes` have passed since it last ran, or since `saved()` was called. */
export function everyMinutes(minutes: number, save: () => void): { ask(): void; saved(): void } {
  let last = performance.now();
  return {
    ask() {
      if (performance.now() - last < minutes * 60_000) return;
      save();
      last = performance.now();
    },
    saved() {
      last = performance.now();
    },
  };
}
