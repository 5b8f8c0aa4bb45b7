/**
 * @file Architectures under one budget and one set of seeds. Every training is an ordinary run that can be looked at, resumed and shipped.
 */
import { join, resolve } from 'node:path';
import { ConfigError } from '../../base/errors.ts';
import { distinctNames } from '../../base/names.ts';
import { formatRecord, recordOf } from '../../data/splitRecord.ts';
import type { DataSet } from '../../data/types.ts';
import { chooseDevice } from '../../engine/device.ts';
import { noCrfOfRegions } from '../../infer/crf/predict.ts';
import { buildArchitecture } from '../../models/architecture.ts';
import { countNetwork } from '../../models/graph.ts';
import { estimateMemory } from '../../models/memory.ts';
import { singleProcess } from '../../parallel/parallel.ts';
import { type Layer, parseConfig } from '../../run/config/config.ts';
import { settings } from '../../run/config/presets.ts';
import type { CompareConfig } from '../../run/config/schemas/compare.ts';
import type { TrainConfig } from '../../run/config/schemas/train.ts';
import { writeAtomically } from '../../run/files.ts';
import { openRunFolder } from '../../run/folder.ts';
import {
  type ComparedArchitecture,
  type ComparedCost,
  type ComparedRun,
  type ComparisonConditions,
  formatComparisonCsv,
  formatComparisonMarkdown,
  groupRuns,
  readOutcome,
} from '../../run/tables/comparison.ts';
import { drawComparison } from '../../run/tables/drawComparison.ts';
import { measureLatency } from '../cost/latency/measure.ts';
import { threadsOf } from '../cost/latency/table.ts';
import { measureMemory } from '../cost/measureNetwork.ts';
import { prepareMachine } from '../machine.ts';
import { onKnownSides, openTrainingData } from '../openData.ts';
import { withCountedSize } from '../prepare/countedSize.ts';
import { findSplit, readSplit, SPLIT_FILE } from '../prepare/knownSplit.ts';
import { describeFit, fitToBudget, networkOptions } from '../prepare/networkOptions.ts';
import { readArchitecture } from '../readArchitecture.ts';
import { showComparison } from '../records/peers.ts';
import { trainSettings } from '../settings.ts';
import { trainJob } from '../trainJob.ts';
import { type RunWatcher, SILENT } from '../watcher.ts';
import { refinedScore } from './refined.ts';
import { inFolderOfRuns, layerFor, requireFreeFolder, requireSameSettings, runOnce, watchPart } from './resumable.ts';

/** A comparison and where it is. */
export interface Comparison {
  /** Folder of the table and the drawing. */
  readonly folder: string;
  readonly architectures: readonly ComparedArchitecture[];
  /** comparison.md as text. */
  readonly table: string;
}

/** What is written after every run. */
const TABLES = ['comparison.md', 'comparison.csv', 'comparison.svg'];

/**
 * Trains what is not trained yet, and writes comparison.{md,csv,svg}; `shared` are settings of the trainings, later layers over earlier ones,
 * `given` further files that were read and may not be written to.
 * @throws StoppedError when `signal` was aborted: the training in progress is saved, and the same comparison resumes it.
 */
export async function compareJob(
  config: CompareConfig,
  shared: readonly Layer[],
  watcher: RunWatcher = SILENT,
  signal?: AbortSignal,
  given: readonly string[] = [],
): Promise<Comparison> {
  const { base, dataset, plans } = await planComparison(config, shared);
  const { arch, seed, name, epochs, steps, minutes, ...resolved } = plans[0].training;
  const { budget: networkBudget, ...others } = resolved;
  // Beside `budget` of the comparison, as its command line has them.
  const dotted = Object.entries(networkBudget).map(([key, limit]) => [`budget.${key}`, limit]);
  // Of volumes `postprocess` is also a setting of the trainings.
  const postprocess = config.postprocess === 'none' ? others.postprocess : config.postprocess;
  const written = { ...others, ...config, postprocess, ...Object.fromEntries(dotted) };
  const inputs = [base.data, ...config.archs, ...given];
  requireFreeFolder('compare', { ...config, resolved: written, tables: TABLES, inputs });
  const costs = new Map<string, ComparedCost>();
  for (const [i, name] of config.archs.entries())
    costs.set(name, await costOf(name, plans[i * config.seeds].training, dataset, config, watcher));
  const conditions: ComparisonConditions = {
    data: dataset.name,
    budget: config.budget,
    batch: plans[0].training.batch,
    size: sizeOf(plans[0].training, dataset),
    score: dataset.rank === 3 ? 'mean Dice' : 'mIoU',
  };
  return inFolderOfRuns('compare', config, written, async (folder) => {
    if (!readSplit(folder, true)) writeAtomically(join(folder, SPLIT_FILE), formatRecord(recordOf(dataset)));
    const runs: ComparedRun[] = [];
    for (const [i, { architecture, training, path }] of plans.entries()) {
      const own = watchPart(
        watcher,
        i,
        plans.length,
        `${i + 1}/${plans.length} ${architecture}, seed ${training.seed}`,
      );
      await runOnce(path, own, (resume) =>
        trainJob({ layers: [layerFor(training, resume)], resume, command: 'espalier compare' }, own, signal),
      );
      const cost = costs.get(architecture) as ComparedCost;
      const outcome = readOutcome(openRunFolder(path));
      const refined = await refinedScore(path, outcome.score, config, training, signal);
      runs.push({ architecture, seed: training.seed, run: path, ...outcome, ...refined, ...cost });
      // After every run, so that there is something to look at before the last.
      writeComparison(folder, runs, conditions);
    }
    const written = writeComparison(folder, runs, conditions);
    showComparison(config.name, written.architectures, conditions);
    return written;
  });
}

/** Every training of a comparison with its settings, all of them checked, and the data. Writes nothing. */
export async function planComparison(
  config: CompareConfig,
  shared: readonly Layer[],
): Promise<{ base: TrainConfig; dataset: DataSet; plans: readonly ComparisonPlan[] }> {
  const twice = config.archs.find((one, i) => config.archs.indexOf(one) !== i);
  if (twice !== undefined)
    throw new ConfigError(`archs: ${twice} is named twice`, 'name it once; seeds=<number> trains it several times');
  const folder = join(resolve(config.runs), 'compare', config.name);
  const base = parseConfig(settings.train, [...shared, { arch: config.archs[0] }]);
  const dataset = await openCompared(base, folder);
  if (dataset.regions && config.postprocess === 'crf') throw noCrfOfRegions();
  return { base, dataset, plans: planRuns(config, [...shared, { splitOf: folder }], dataset) };
}

/** The data on the sides that all trainings take: those of the comparison so far, or of the run that they start from. */
async function openCompared(training: TrainConfig, folder: string): Promise<DataSet> {
  const dataset = await openTrainingData(training);
  const { splitOf, from } = training;
  const known = readSplit(folder, true) ?? (await findSplit({ splitOf, from }, singleProcess));
  return known ? onKnownSides(dataset, known).dataset : dataset;
}

/** One training before it starts. */
export interface ComparisonPlan {
  readonly architecture: string;
  readonly training: TrainConfig;
  /** The run folder, which may not exist yet. */
  readonly path: string;
}

/** Every run with its settings, architecture by architecture, all of them checked before the first one starts. */
function planRuns(
  { archs, seeds, budget, name, runs, multiplyAdds }: CompareConfig,
  shared: readonly Layer[],
  dataset: DataSet,
): ComparisonPlan[] {
  for (const key of ['arch', 'seed', 'epochs', 'steps', 'minutes'])
    if (shared.some((layer) => layer[key] !== undefined))
      throw new ConfigError(`${key}: not allowed here, a comparison sets it itself`, 'give archs, seeds and budget');
  const names = distinctNames(archs);
  return archs.flatMap((architecture, i) => {
    const layers = [...shared, parseBudget(budget), { arch: architecture }];
    const fitted = cropBudget(parseConfig(settings.train, layers), dataset, multiplyAdds);
    return Array.from({ length: seeds }, (_, seed) => {
      const own = { ...fitted, seed, runs, name: `${name}-${names[i]}-${seed}` };
      const training = parseConfig(settings.train, [...layers, own]);
      const path = join(resolve(runs), 'train', own.name);
      requireSameSettings(settings.train, path, training, 'comparison');
      return { architecture, training, path };
    });
  });
}

/** The budget of `multiplyAdds=`, which is for one crop. */
function cropBudget(training: TrainConfig, dataset: DataSet, multiplyAdds: number | undefined): Layer {
  if (multiplyAdds === undefined) return {};
  const { budget } = training;
  if (budget.multiplyAdds !== undefined && budget.multiplyAdds !== multiplyAdds)
    throw new ConfigError(
      `multiplyAdds=${multiplyAdds} and budget.multiplyAdds=${budget.multiplyAdds} contradict each other`,
      'leave one out',
    );
  return { budget: { multiplyAdds }, size: sizeOf(training, dataset) };
}

/** `400steps` or `15min` as settings of a training. */
function parseBudget(text: string): Layer {
  const amount = Number.parseFloat(text);
  return text.includes('step') ? { steps: Math.ceil(amount) } : { minutes: amount };
}

const sizeOf = (training: TrainConfig, { rank }: DataSet) => trainSettings(training, rank).crop;

async function costOf(
  name: string,
  training: TrainConfig,
  dataset: DataSet,
  { measureMemory: measuresMemory, measureLatency: measuresLatency }: CompareConfig,
  watcher: RunWatcher,
): Promise<ComparedCost> {
  const { batch, threads } = training;
  const architecture = readArchitecture(name);
  const size = sizeOf(training, dataset);
  const counted = await withCountedSize(training, dataset, size);
  const fitted = fitToBudget(architecture, counted, dataset);
  if (fitted) watcher.line(`${name}: ${describeFit(fitted)}`);
  const graph = buildArchitecture(architecture, fitted?.options ?? networkOptions(architecture, training, dataset));
  // As its budget counts: for an image of the data. Without one for the crop, as a training reports it.
  const { parameters, multiplyAdds } = fitted?.cost ?? countNetwork(graph, size);
  const { trainingBytes } = estimateMemory(graph, size, batch);
  const task = { graph, batch, size, threads, device: chooseDevice(training.device), kind: 'training' } as const;
  const measuredBytes = measuresMemory ? (await measureMemory(task)).bytes : null;
  if (!measuresLatency) return { parameters, multiplyAdds, trainingBytes, measuredBytes };
  prepareMachine({ threads, device: 'cpu' });
  const latencyMs = await measureLatency(graph, size, 'engine', threadsOf(threads));
  return { parameters, multiplyAdds, trainingBytes, measuredBytes, latencyMs };
}

function writeComparison(
  folder: string,
  runs: readonly ComparedRun[],
  conditions: ComparisonConditions,
): Omit<Comparison, 'folder'> {
  const architectures = groupRuns(runs);
  const table = formatComparisonMarkdown(architectures, conditions);
  const contents = [table, formatComparisonCsv(runs), drawComparison(architectures, conditions)];
  for (const [i, content] of contents.entries()) writeAtomically(join(folder, TABLES[i]), content);
  return { architectures, table };
}
