/**
 * @file Searches, trainings and networks for programs: the same settings as on the command line, as objects.
 */
// Programs that use it may be checked against an older library of JavaScript.
/// <reference lib="esnext.disposable" preserve="true" />
import type { SegmentationClass } from '../data/types.ts';
import { Generator } from '../engine/device.ts';
import type { Segmenter } from '../infer/segment.ts';
import type { Architecture, BuildOptions } from '../models/architecture.ts';
import type { Network } from '../models/network.ts';
import { type Layer, parseConfig } from '../run/config/config.ts';
import type {
  AutoDeepLabSearchSettings,
  AutoSettings,
  CompareSettings,
  DintsSearchSettings,
  ResumeSettings,
  SearchSettings,
  TrainSettings,
} from '../run/config/given.ts';
import { settings } from '../run/config/presets.ts';
import type { CompareConfig } from '../run/config/schemas/compare.ts';
import { loadMembers } from './ensemble/members.ts';
import { type LadderOutcome, ladderRun } from './ladder/ladderRun.ts';
import { prepareMachine } from './machine.ts';
import { type Comparison, compareJob } from './many/compare.ts';
import { type SearchTrials, trialsJob } from './many/trials.ts';
import { createDescribed } from './network.ts';
import { type SearchOutcome, searchJob } from './searchJob.ts';
import { type TrainOutcome, trainJob } from './trainJob.ts';
import { type RunWatcher, SILENT } from './watcher.ts';

/** How a program follows and ends what takes a while. */
export interface Following {
  /** Receives progress and notes; nobody by default. */
  readonly watcher?: Partial<RunWatcher>;
  /**
   * Ends it after the step in progress when aborted: the promise rejects with a `StoppedError`. Of a run everything is saved, and `resume` continues.
   */
  readonly signal?: AbortSignal;
}

/** How a run of the library is made. */
export interface RunOptions extends Following {
  /** Resumes the run of that `name`, or the newest. */
  readonly resume?: boolean;
}

/** A watcher that may leave functions out. */
export const watcherOf = (watcher: Partial<RunWatcher> = {}): RunWatcher => ({ ...SILENT, ...watcher });

/** `search` as it is called; the outcome has the genotype of the method. */
interface Search {
  (given: AutoDeepLabSearchSettings, options?: RunOptions): Promise<SearchOutcome<'auto-deeplab'>>;
  (given: DintsSearchSettings, options?: RunOptions): Promise<SearchOutcome<'dints'>>;
  (given: ResumeSettings, options: RunOptions & { readonly resume: true }): Promise<SearchOutcome>;
  (given: SearchSettings, options?: RunOptions): Promise<SearchOutcome>;
}

/** `espalier search`: settings as on the command line, nested or dotted, such as `{ data: 'street', preset: 'small' }`. */
export const search = ((
  given: SearchSettings | ResumeSettings,
  { resume = false, watcher, signal }: RunOptions = {},
): Promise<SearchOutcome> => {
  const request = { layers: [given as Layer], resume, command: 'search() of the library' };
  return searchJob(request, watcherOf(watcher), signal);
}) as Search;

/** `espalier search trials=10`: several seeds and the choice among what they found, such as `{ data: 'street', trials: 10, name: 'ten' }`. */
export const searchTrials = (given: SearchSettings, { watcher, signal }: Following = {}): Promise<SearchTrials> =>
  trialsJob({ layers: [given as Layer], command: 'searchTrials() of the library' }, watcherOf(watcher), signal);

/** `espalier train`: settings as on the command line, such as `{ data: 'street', arch: found.run, minutes: 30 }`. */
export function train(given: TrainSettings, options?: RunOptions): Promise<TrainOutcome>;
export function train(given: ResumeSettings, options: RunOptions & { readonly resume: true }): Promise<TrainOutcome>;
export function train(
  given: TrainSettings | ResumeSettings,
  { resume = false, watcher, signal }: RunOptions = {},
): Promise<TrainOutcome> {
  const request = { layers: [given as Layer], resume, command: 'train() of the library' };
  return trainJob(request, watcherOf(watcher), signal);
}

/** `espalier auto`: a data set, a budget and some minutes, such as `{ data: 'street', minutes: 60, 'budget.multiplyAdds': 0.5e9 }`. */
export const auto = (
  given: AutoSettings | ResumeSettings,
  { resume = false, watcher, signal }: RunOptions = {},
): Promise<LadderOutcome> =>
  ladderRun({ layers: [given as Layer], resume, command: 'auto() of the library' }, watcherOf(watcher), signal);

/** `espalier compare`: architectures under one budget, such as `{ data: 'street', archs: ['unet', found.run], budget: '30min' }`. */
export function compare(given: CompareSettings, { watcher, signal }: Following = {}): Promise<Comparison> {
  const { config, shared } = splitCompare(given);
  return compareJob(config, [shared], watcherOf(watcher), signal);
}

/** The settings of a comparison itself, and those of its trainings; `budget.multiplyAdds` and the like are those of their networks. */
export function splitCompare(given: CompareSettings): { config: CompareConfig; shared: Layer } {
  const own = Object.keys(settings.compare.schema.shape);
  const pick = (wanted: boolean): Layer =>
    Object.fromEntries(Object.entries(given).filter(([key]) => own.includes(key) === wanted));
  return { config: parseConfig(settings.compare, [pick(true)]), shared: pick(false) };
}

/** The network of an architecture with fresh weights, as `train` would begin with. `using network = buildNetwork(...)` frees its weights. */
export function buildNetwork(
  architecture: Architecture,
  options: Omit<BuildOptions, 'inputs'> & { inputs?: number; seed?: number; device?: string },
): Network & Disposable {
  const { seed = 0, device = 'cpu', inputs = 3, ...rest } = options;
  const network = createDescribed({ architecture, options: { ...rest, inputs } }, new Generator(seed), device);
  return { ...network, [Symbol.dispose]: () => network.parameters.free() };
}

/** A trained network ready to segment images or volumes. */
export interface OpenNetwork extends Segmenter, Disposable {
  /** Of the class maps that it gives. */
  readonly classes: readonly SegmentationClass[];
  /** For each class the value that a benchmark expects in a submission. */
  readonly submissionValues?: readonly number[];
}

/**
 * The network of a run of `train`, or the mean of several (`a,b,c`, or a list); `using network = openNetwork(run)` frees its weights at the end of the block.
 * @throws DataError where there is none, ConfigError where several differ in classes or in what they read.
 */
export function openNetwork(
  run: string | readonly string[],
  options: { checkpoint?: 'best' | 'last'; device?: string; threads?: number } = {},
): OpenNetwork {
  const { checkpoint = 'best', device: wanted = 'auto', threads = 0 } = options;
  const device = prepareMachine({ device: wanted, threads });
  const ensemble = loadMembers(run, checkpoint, new Generator(0), device);
  const { classes, regions, submissionValues, volumes, images } = ensemble.description;
  return {
    classes,
    submissionValues,
    device,
    forward: ensemble.forward(),
    ...(regions ? { regions } : {}),
    ...(volumes ? { volumes } : {}),
    ...(images ? { images } : {}),
    [Symbol.dispose]: ensemble.free,
  };
}
