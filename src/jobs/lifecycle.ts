/**
 * @file The life of a run, the same for every kind: its folder is opened and locked, an earlier process's work restored, the work done, its end and
 * its report written. A stop saves what is there, and anything else that is thrown is written down as the end that it is. And the life of what is too short
 * to be stopped and resumed.
 *
 * A new kind of run is a file like `searchJob.ts`: what it prepares, what a checkpoint of it holds, and its work.
 */
import { rmSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { NumericError, StoppedError } from '../base/errors.ts';
import { formatDuration } from '../base/text.ts';
import { memory } from '../engine/device.ts';
import { type Parallel, singleProcess } from '../parallel/parallel.ts';
import { type Checkpoint, saveCheckpoint } from '../run/checkpoint.ts';
import type { RunStatus } from '../run/events.ts';
import type { RunFolder } from '../run/folder.ts';
import { type OpenRun, openRun, type PlannedRun } from '../run/openRun.ts';
import { writeReport } from '../run/report/report.ts';
import { versions } from './machine.ts';
import { reportCollectives, reportProcesses } from './records/ranks.ts';
import { createReporter, type Reporter, type RunWatcher, SILENT } from './watcher.ts';

/** What a checkpoint of a run holds, and how the run is put where the checkpoint says. */
export interface Resumable<State> {
  /** Where the work stands; shared with the work, which moves it. */
  readonly progress: { readonly epoch: number; readonly current: { readonly steps: number } };
  save(): Checkpoint<State>;
  /** @throws DataError when the checkpoint belongs to another network. */
  restore(checkpoint: Checkpoint<State>): void;
  /** Puts every rank where rank 0 stands. */
  share(): Promise<void>;
}

/** Who runs it, and how it can be stopped. */
export interface RunSurroundings {
  /** The command line, for the log. */
  readonly command?: string;
  readonly watcher?: RunWatcher;
  /** The processes of the run; this one is the first of them. */
  readonly parallel?: Parallel;
}

/** A run while its work is done. */
export interface ActiveRun extends Reporter {
  readonly folder: RunFolder;
  /** Whether it started from a checkpoint. */
  readonly resumed: boolean;
  /** Writes checkpoints/last. */
  save(): void;
}

/** What every run leaves. */
export interface FinishedRun {
  /** The run folder. */
  readonly run: string;
  /** Path of report.html. */
  readonly report: string;
  /** Seconds of this process. */
  readonly seconds: number;
  readonly peakBytes: number;
}

/**
 * Does `work` in the run folder of a plan. The work returns its result, and what the end of the run says of it, such as `best mIoU 0.61`.
 * @throws what the work throws; a `StoppedError` once everything is saved, with the command that resumes it.
 */
export async function inRunFolder<State, Result>(
  command: string,
  plan: PlannedRun<{ readonly runs: string; readonly name?: string; readonly syncNorms?: boolean }>,
  { progress, save, restore, share }: Resumable<State>,
  { command: commandLine = `espalier ${command}`, watcher = SILENT, parallel = singleProcess }: RunSurroundings,
  work: (run: ActiveRun) => Promise<{ result: Result; found: string; status?: 'done' | 'undecided' }>,
): Promise<{ result: Result } & FinishedRun> {
  const { config } = plan;
  const run = openRun<State>(command, plan);
  const { folder, log, checkpoint } = run;
  const saveLast = () => {
    saveCheckpoint(folder.last, save());
    log.append({ type: 'checkpoint', path: 'checkpoints/last', epoch: progress.epoch });
  };
  const started = performance.now();
  const elapsed = () => (performance.now() - started) / 1000;
  try {
    if (checkpoint) restore(checkpoint);
    await share();
    log.append({
      type: 'start',
      command: commandLine,
      config: { ...config },
      versions: versions(),
      ...(plan.folder ? { resumedEpoch: progress.epoch, resumedStep: progress.current.steps } : {}),
    });
    const reporter = createReporter(log, watcher);
    for (const message of run.notices) {
      log.append({ type: 'warning', message });
      watcher.line(`note: ${message}`);
    }
    reportProcesses(reporter, parallel, config);
    const {
      result,
      found,
      status = 'done',
    } = await work({ ...reporter, folder, resumed: checkpoint !== null, save: saveLast });
    const seconds = elapsed();
    reportCollectives(reporter, parallel, seconds);
    log.append({ type: 'end', status, message: `${found} in ${formatDuration(seconds)}` });
    return { result, run: folder.path, report: writeReport(folder), seconds, peakBytes: memory().peakBytes };
  } catch (error) {
    throw endWithError(command, run, error, saveLast);
  } finally {
    run.close();
  }
}

/** The life of what is done in one go in a folder of its own, such as an evaluation: where it throws nothing half done stays, and the name is free again. */
export async function inOwnFolder<Folder extends { readonly path: string }, Result>(
  folder: Folder,
  work: (folder: Folder) => Promise<Result>,
): Promise<Result> {
  try {
    return await work(folder);
  } catch (error) {
    rmSync(folder.path, { recursive: true, force: true });
    throw error;
  }
}

/**
 * What a run leaves that threw: its work saved if it was stopped, the end in its log, its report. Returns the error to throw.
 *
 * A disk that took no more events takes no end either: the error that was first is the one that is reported.
 */
function endWithError(command: string, { folder, log }: OpenRun<unknown>, thrown: unknown, save: () => void): unknown {
  let error = thrown;
  if (thrown instanceof StoppedError) {
    try {
      save();
      error = new StoppedError(
        'stopped: everything up to here is saved',
        `resume with: ${resumeCommand(command, folder)}`,
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
