/**
 * @file What programs measure and look at: scores of a run, a check of data, the cost of a run before it starts, milliseconds of a network.
 */
import { StoppedError } from '../base/errors.ts';
import { checkDataSet, type DataReport } from '../data/check/check.ts';
import { openDataSet } from '../data/detect.ts';
import { planVolumes, type VolumePlan } from '../data/volumes/plan.ts';
import { threads as setThreads } from '../engine/device.ts';
import { type Architecture, type BuildOptions, buildArchitecture } from '../models/architecture.ts';
import type { LatencyTarget } from '../models/latency/units.ts';
import { type Layer, parseConfig } from '../run/config/config.ts';
import type {
  AutoSettings,
  CompareSettings,
  EvaluateSettings,
  SearchSettings,
  TrainSettings,
} from '../run/config/given.ts';
import { settings } from '../run/config/presets.ts';
import { type DryRun, dryRunSearch, dryRunTraining } from './cost/dryRun.ts';
import { measureLatency } from './cost/latency/measure.ts';
import { threadsOf } from './cost/latency/table.ts';
import { type EvaluationOutcome, evaluateJob } from './evaluateJob.ts';
import { dryRunLadder, type LadderDryRun } from './ladder/dryRun.ts';
import { type Following, splitCompare, watcherOf } from './library.ts';
import { type DryRunOfMany, dryRunCompare, dryRunTrials } from './many/dryRun.ts';

/** `espalier evaluate`: the scores of a run's network, such as `{ run: trained.run, split: 'test' }`. */
export const evaluate = (given: EvaluateSettings, { signal, watcher }: Following = {}): Promise<EvaluationOutcome> =>
  evaluateJob(
    parseConfig(settings.evaluate, [given as Layer]),
    (done, total) => watcherOf(watcher).progress(done / total, `${done} of ${total}`),
    signal,
  );

/** How a data set is checked. */
export interface DataCheckOptions extends Following {
  /** At most so many samples of a split are read, evenly spread; all by default. */
  readonly limit?: number;
}

/**
 * `espalier data check`: counts, sizes, class shares, and problems with their fix; of volumes also the plan of a training.
 * @throws StoppedError when `signal` was aborted
 */
export async function dataCheck(
  path: string,
  { limit, signal, watcher }: DataCheckOptions = {},
): Promise<DataReport & { plan?: VolumePlan }> {
  const dataset = await openDataSet(path, { allowUnpaired: true });
  const report = await checkDataSet(dataset, {
    ...(limit === undefined ? {} : { limit }),
    onProgress: (done, total) => {
      if (signal?.aborted) throw new StoppedError('stopped');
      watcherOf(watcher).progress(done / total, `${done} of ${total}`);
    },
  });
  if (report.rank === 2 || report.fingerprint === undefined) return report;
  return { ...report, plan: planVolumes(report.fingerprint, dataset.splits.train.length) };
}

/** `espalier search --dry-run`: time and memory, by a step on the real data; of `trials` all of them. Nothing is written. */
export const dryRun = {
  search: (given: SearchSettings): Promise<DryRun | DryRunOfMany> =>
    (given.trials ?? 1) > 1 ? dryRunTrials({ layers: [given as Layer] }) : dryRunSearch({ layers: [given as Layer] }),
  /** `espalier train --dry-run`. */
  train: (given: TrainSettings): Promise<DryRun> => dryRunTraining({ layers: [given as Layer] }),
  /** `espalier compare --dry-run`: every architecture once, times the seeds. */
  compare(given: CompareSettings): Promise<DryRunOfMany> {
    const { config, shared } = splitCompare(given);
    return dryRunCompare(config, [shared]);
  },
  /** `espalier auto --dry-run`: the plan of a race, with times where the engine is set up. */
  auto: (given: AutoSettings, { signal, watcher }: Following = {}): Promise<LadderDryRun> =>
    dryRunLadder({ layers: [given as Layer] }, watcherOf(watcher), signal),
};

/** Of what a latency is measured. */
export interface LatencyOptions extends Omit<BuildOptions, 'inputs'> {
  readonly inputs?: number;
  /** Sides of the input, `[height, width]` or `[depth, height, width]`. */
  readonly size: readonly number[];
  /** What runs the network; default: the engine. */
  readonly target?: LatencyTarget;
  /** 0, the default, takes all. */
  readonly threads?: number;
}

/** Milliseconds of one inference of one input on this machine: the median of repeats, with fresh weights. */
export function latency(
  architecture: Architecture,
  { size, target = 'engine', threads = 0, inputs = 3, ...options }: LatencyOptions,
): Promise<number> {
  const count = threadsOf(threads);
  setThreads(count);
  return measureLatency(buildArchitecture(architecture, { ...options, inputs }), size, target, count);
}
