/**
 * @file The trainings of a race: ordinary runs inside its folder, each stopped where a rung ends and resumed in the next.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { NumericError, StoppedError } from '../../base/errors.ts';
import { asNetworkReads } from '../../data/channels/derive.ts';
import { createLoader } from '../../data/loader/loader.ts';
import type { DataSet, Sample } from '../../data/types.ts';
import { Generator } from '../../engine/device.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { SINGLE_SCALE } from '../../infer/inference.ts';
import { measureNorms } from '../../infer/measureNorms.ts';
import type { Candidate } from '../../ladder/candidate.ts';
import type { Reading } from '../../ladder/race.ts';
import type { SampleCounts } from '../../ladder/statistics.ts';
import { singleProcess } from '../../parallel/parallel.ts';
import { hasCheckpoint, loadCheckpoint } from '../../run/checkpoint.ts';
import type { Layer } from '../../run/config/config.ts';
import { parseConfig } from '../../run/config/config.ts';
import { settings } from '../../run/config/presets.ts';
import type { TrainConfig } from '../../run/config/schemas/train.ts';
import { openRunFolder } from '../../run/folder.ts';
import { whenFree } from '../../run/lock.ts';
import { loadReportData } from '../../run/report/data.ts';
import { readOutcome } from '../../run/tables/comparison.ts';
import { hasOwnNorms } from '../../train/retrain.ts';
import { partsOf } from '../../train/trainStep.ts';
import type { StoredTraining } from '../checkpoint/training.ts';
import { prepareMachine } from '../machine.ts';
import { loadNetwork } from '../network.ts';
import { openTrainingData } from '../openData.ts';
import { createLoss, trainSettings } from '../settings.ts';
import { trainJob } from '../trainJob.ts';
import type { RunWatcher } from '../watcher.ts';
import { countSamples } from './counts.ts';
import { judgeNetwork } from './judgement.ts';

/** Batches on which norm statistics are measured before a judgement. */
const JUDGED_NORM_BATCHES = 25;
/** Parts into which the training losses of a rung are averaged. */
const CURVE_PARTS = 4;

/** One training of a race: its settings, all of them, and where they lead. */
export interface RaceTraining {
  readonly config: TrainConfig;
  /** Run folder, which may not exist yet. */
  readonly path: string;
}

/** The training of a candidate with a seed. @param recipe settings that all share */
export function trainingOf(
  { id, auxiliary }: Pick<Candidate, 'id' | 'auxiliary'>,
  seed: number,
  place: { readonly recipe: Layer; readonly folder: string; readonly steps: number; readonly constantShare: number },
  name = `${id}-${seed}`,
): RaceTraining {
  const { recipe, folder, steps, constantShare } = place;
  const own: Layer = {
    arch: join(folder, 'architectures', `${id}.json`),
    runs: folder,
    name,
    seed,
    steps,
    constantShare,
    deepSupervision: recipe.deepSupervision === true && auxiliary,
    // The race judges; the run itself is scored at its end only.
    evaluateEvery: 1_000_000,
  };
  return { config: parseConfig(settings.train, [recipe, own]), path: join(folder, 'train', name) };
}

/** Steps that a training has taken, by its last checkpoint. */
export function stepsDone(path: string): number {
  const last = join(path, 'checkpoints', 'last');
  return hasCheckpoint(last) ? loadCheckpoint<StoredTraining>(last).state.progress.step : 0;
}

/** A process of an earlier race that was killed may be in the middle of a step. */
const MOST_WAIT_SECONDS = 120;

const statusOf = (path: string): string =>
  existsSync(join(path, 'config.yaml')) ? readOutcome(openRunFolder(path)).status : 'absent';

/**
 * Begins or continues a training until it has taken `steps` steps; all of them end it as any training ends.
 * @returns false where it diverged
 * @throws StoppedError when `signal` was aborted: everything is saved.
 */
export async function trainTo(
  { config, path }: RaceTraining,
  steps: number,
  watcher: RunWatcher,
  signal?: AbortSignal,
): Promise<boolean> {
  const total = config.steps as number;
  await whenFree(path, MOST_WAIT_SECONDS);
  const status = statusOf(path);
  if (status === 'diverged') return false;
  if (status === 'done' || (steps < total && stepsDone(path) >= steps)) return true;
  const controller = new AbortController();
  const stop = () => controller.abort();
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  const own: RunWatcher = {
    progress(share, note) {
      watcher.progress(share, note);
      if (steps < total && Math.round(share * total) >= steps) stop();
    },
    line: () => undefined,
  };
  try {
    const resume = status !== 'absent';
    await trainJob({ layers: [config as unknown as Layer], resume, command: 'espalier auto' }, own, controller.signal);
  } catch (error) {
    if (error instanceof NumericError) return false;
    if (!(error instanceof StoppedError) || signal?.aborted) throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
  return true;
}

/** A training that diverged. */
export const DIVERGED: Reading = { score: Number.NaN, loss: Number.NaN, curve: [] };

/** A training continued to `steps` steps and judged on held-out samples. */
export async function judgeAt(
  training: RaceTraining,
  steps: number,
  watcher: RunWatcher,
  signal?: AbortSignal,
): Promise<Reading> {
  const { config, path } = training;
  if (!(await trainTo(training, steps, watcher, signal))) return DIVERGED;
  const device = prepareMachine(config);
  const { network, description } = loadNetwork(openRunFolder(path), 'last', new Generator(0), device);
  const dataset = asNetworkReads(await openTrainingData(config), description.images, 'the network');
  const loss = await createLoss(dataset, config, device);
  const forward = (images: Tensor) => network.forward(images, { training: false });
  const own = trainSettings(config, dataset.rank);
  // A training that was stopped in the middle has statistics that belong to other weights.
  if (hasOwnNorms(own)) {
    const loader = createLoader({ dataset, samples: dataset.splits.train, ...own });
    const count = Math.min(JUDGED_NORM_BATCHES, steps);
    await measureNorms(network, loader, { device, partsOf: partsOf(own.accumulate, singleProcess), count });
    await loader.close();
  }
  const { score, loss: value } = await judgeNetwork(forward, dataset, own, device, loss);
  network.parameters.free();
  return { score, loss: value, curve: curveOf(path, steps) };
}

/** The mean training losses of equal parts of the last two thirds of the steps, from the log; a step that was done again counts once. */
function curveOf(path: string, steps: number): number[] {
  const losses = new Map<string, number>();
  for (const event of loadReportData(openRunFolder(path)).events)
    if (event.type === 'step' && event.loss !== null) losses.set(`${event.epoch} ${event.step}`, event.loss);
  const recent = [...losses.values()].slice(0, steps).slice(-Math.max(CURVE_PARTS, Math.floor((2 * steps) / 3)));
  return Array.from({ length: CURVE_PARTS }, (_, part) => {
    const [start, end] = [part, part + 1].map((i) => Math.round((i * recent.length) / CURVE_PARTS));
    const own = recent.slice(start, end);
    return own.reduce((sum, loss) => sum + loss, 0) / own.length;
  });
}

/** A training continued to its end, with the counts of every held-out and reported sample; none where it diverged. */
export async function finishTraining(
  training: RaceTraining,
  groups: Readonly<Record<string, string>>,
  watcher: RunWatcher,
  signal?: AbortSignal,
): Promise<{ heldOut: SampleCounts[]; reported: SampleCounts[] }> {
  const { config } = training;
  if (!(await trainTo(training, config.steps as number, watcher, signal))) return { heldOut: [], reported: [] };
  const dataset = await openTrainingData(config);
  const reportedGroups = dataset.groups ?? {};
  const counts = (samples: readonly Sample[], groupOf: (id: string) => string) =>
    countRun(training, 'best', dataset, samples, groupOf, signal);
  return {
    heldOut: await counts(dataset.splits.val, (id) => groups[id] ?? id),
    reported: await counts(dataset.extra?.reported ?? [], (id) => reportedGroups[id] ?? id),
  };
}

/** The last training, on all training samples, continued to its end, with the counts of every reported sample; none where it diverged. */
export async function finalTraining(
  training: RaceTraining,
  watcher: RunWatcher,
  signal?: AbortSignal,
): Promise<SampleCounts[]> {
  const { config } = training;
  if (!(await trainTo(training, config.steps as number, watcher, signal))) return [];
  const dataset = await openTrainingData(config);
  const { groups = {} } = dataset;
  return countRun(training, 'last', dataset, dataset.splits.val, (id) => groups[id] ?? id, signal);
}

/** The counts of samples by the weights of a training. */
export async function countRun(
  { config, path }: RaceTraining,
  which: 'best' | 'last',
  opened: DataSet,
  samples: readonly Sample[],
  groupOf: (id: string) => string,
  signal?: AbortSignal,
): Promise<SampleCounts[]> {
  const device = prepareMachine(config);
  const { network, description } = loadNetwork(openRunFolder(path), which, new Generator(0), device);
  const dataset = asNetworkReads(opened, description.images, 'the network');
  const { inference = SINGLE_SCALE } = trainSettings(config, dataset.rank);
  const { scale: reduction, longSide } = config;
  try {
    return await countSamples({ network, dataset, samples, groupOf, reduction, longSide, device, inference, signal });
  } finally {
    network.parameters.free();
  }
}
