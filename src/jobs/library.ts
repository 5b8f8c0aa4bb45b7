/**
 * @file Searches, trainings and networks for programs: the same settings as on the command line, as objects.
 */
import type { SegmentationClass } from '../data/types.ts';
import { Generator } from '../engine/device.ts';
import { reduced } from '../infer/inference.ts';
import type { Segmenter } from '../infer/segment.ts';
import type { Architecture, BuildOptions } from '../models/architecture.ts';
import type { Network } from '../models/network.ts';
import type { Layer } from '../run/config/config.ts';
import { openRunFolder } from '../run/folder.ts';
import { type LadderOutcome, ladderRun } from './ladder/ladderRun.ts';
import { prepareMachine } from './machine.ts';
import { type SearchTrials, trialsJob } from './many/trials.ts';
import { createDescribed, loadNetwork } from './network.ts';
import { type SearchOutcome, searchJob } from './searchJob.ts';
import { type TrainOutcome, trainJob } from './trainJob.ts';
import type { RunWatcher } from './watcher.ts';

/** How a run of the library is made. */
export interface RunOptions {
  /** Resumes the run of that `name`, or the newest. */
  readonly resume?: boolean;
  /** Receives progress and notes; nobody by default. */
  readonly watcher?: RunWatcher;
  /** Ends it after the step in progress when aborted: everything is saved, the promise rejects with a `StoppedError`, and `resume` continues. */
  readonly signal?: AbortSignal;
}

/** `espalier search`: settings as on the command line, nested or dotted, such as `{ data: 'street', preset: 'small' }`. */
export const search = (settings: Layer, { resume = false, watcher, signal }: RunOptions = {}): Promise<SearchOutcome> =>
  searchJob({ layers: [settings], resume, command: 'search() of the library' }, watcher, signal);

/** `espalier search trials=10`: several seeds and the choice among what they found, such as `{ data: 'street', trials: 10, name: 'ten' }`. */
export const searchTrials = (
  settings: Layer,
  { watcher, signal }: Omit<RunOptions, 'resume'> = {},
): Promise<SearchTrials> =>
  trialsJob({ layers: [settings], command: 'searchTrials() of the library' }, watcher, signal);

/** `espalier train`: settings as on the command line, such as `{ data: 'street', arch: found.run, minutes: 30 }`. */
export const train = (settings: Layer, { resume = false, watcher, signal }: RunOptions = {}): Promise<TrainOutcome> =>
  trainJob({ layers: [settings], resume, command: 'train() of the library' }, watcher, signal);

/** `espalier auto`: a data set, a budget and some minutes, such as `{ data: 'street', minutes: 60, 'budget.multiplyAdds': 0.5e9 }`. */
export const auto = (settings: Layer, { resume = false, watcher, signal }: RunOptions = {}): Promise<LadderOutcome> =>
  ladderRun({ layers: [settings], resume, command: 'auto() of the library' }, watcher, signal);

/** The network of an architecture with fresh weights, as `train` would begin with. */
export function buildNetwork(
  architecture: Architecture,
  options: Omit<BuildOptions, 'inputs'> & { inputs?: number; seed?: number; device?: string },
): Network {
  const { seed = 0, device = 'cpu', inputs = 3, ...rest } = options;
  return createDescribed({ architecture, options: { ...rest, inputs } }, new Generator(seed), device);
}

/** A trained network ready to segment images or volumes. */
export interface OpenNetwork extends Segmenter {
  readonly classes: readonly SegmentationClass[];
  /** For each class the value that a benchmark expects in a submission. */
  readonly submissionValues?: readonly number[];
}

/** The network of a run of `train`. Throws a `DataError` where there is none. */
export function openNetwork(
  run: string,
  options: { checkpoint?: 'best' | 'last'; device?: string; threads?: number } = {},
): OpenNetwork {
  const { checkpoint = 'best', device: wanted = 'auto', threads = 0 } = options;
  const device = prepareMachine({ device: wanted, threads });
  const { network, description } = loadNetwork(openRunFolder(run), checkpoint, new Generator(0), device);
  return {
    classes: description.classes,
    submissionValues: description.submissionValues,
    device,
    forward: reduced(
      (images) => network.forward(images, { training: false }),
      description.reduction,
      description.longSide,
    ),
    ...(description.volumes ? { volumes: description.volumes } : {}),
  };
}
