/**
 * @file A search in a run folder: settings to a supernet, the loop, and everything it leaves behind. What `espalier search` and the library call.
 */
import { ConfigError } from '../base/errors.ts';
import { formatDuration, formatLoss } from '../base/text.ts';
import { channelsOf, type DataSet } from '../data/types.ts';
import { Generator, kernelThreads, memory, threads } from '../engine/device.ts';
import { mainScore } from '../infer/evaluate.ts';
import { type ArchitectureState, NUMBER_BYTES, type SearchData } from '../method/method.ts';
import { collapseWarning } from '../method/skipCollapse.ts';
import { type Parallel, sharedNorms, singleProcess } from '../parallel/parallel.ts';
import { saveCheckpoint } from '../run/checkpoint.ts';
import { settings } from '../run/config/presets.ts';
import type { SearchConfig } from '../run/config/schemas.ts';
import { writeAtomically } from '../run/files.ts';
import { type OpenRun, openRun, type RunRequest } from '../run/openRun.ts';
import { writeReport } from '../run/report/report.ts';
import { openResults } from '../run/results.ts';
import { type Genotype, summariseGenotype } from '../space/genotype.ts';
import type { KeptMemory } from '../supernet/keptMemory.ts';
import { runSearch, type SearchEpoch, type SearchRecorder } from '../train/search.ts';
import { createSearch, type Search } from '../train/searchStep.ts';
import { isSound, slowWarning } from '../train/step/health.ts';
import { emptyBatchesNote } from '../train/step/pixelWeights.ts';
import { inPrecision, precisionNote } from '../train/step/precision.ts';
import { planTogether } from './agreement.ts';
import { writeGenotype } from './artifacts.ts';
import { restoreSearch, type SearchState, shareSearch, storeSearch } from './checkpoint/search.ts';
import { availableBytes, chooseMemory } from './cost/chooseMemory.ts';
import { type DryRun, dryRunSearch } from './cost/dryRun.ts';
import { logMemoryNeed, type MemoryNeed, memoryNeed, searchBytes } from './cost/memoryNeed.ts';
import {
  endWithError,
  everyMinutes,
  logCollectives,
  logNote,
  logNotices,
  logProcesses,
  logRanks,
  logWarning,
  prepareMachine,
  type RunWatcher,
  SILENT,
  versions,
} from './lifecycle.ts';
import { methodOf } from './methodOf.ts';
import { type PreparedData, prepareData, recordData } from './prepareData.ts';
import { checkSides, createLoss, searchSettings } from './settings.ts';

/** What a search found, and where it is. */
export interface SearchOutcome {
  /** The run folder. */
  readonly run: string;
  readonly genotype: Genotype;
  readonly report: string;
  readonly seconds: number;
  readonly peakBytes: number;
}

/**
 * Searches as the settings say; see `espalier search --help`. An aborted `signal` ends it after the step in progress. Of the processes of a `parallel`
 * search this is the first, to which the run folder belongs; the others call `followSearch`.
 * @throws StoppedError when it was told to stop: everything is saved, and `resume` goes on.
 */
export async function searchRun(
  request: RunRequest,
  watcher: RunWatcher = SILENT,
  signal?: AbortSignal,
  parallel: Parallel = singleProcess,
): Promise<SearchOutcome> {
  const plan = await planTogether('search', settings.search, request, parallel);
  const { config } = plan;
  if (config.trials > 1)
    throw new ConfigError(`trials: this is one search, got ${config.trials}`, 'call searchTrials, or leave trials out');
  const prepared = await prepareSearch(config, parallel, plan.folder?.path);
  const { search, dataset, data, device, describe, chosen, need } = prepared;
  const run = openRun<SearchState>('search', plan);
  const { folder, log, checkpoint } = run;
  const { progress, network } = search;
  const save = () => {
    saveCheckpoint(folder.last, storeSearch(search));
    log.append({ type: 'checkpoint', path: 'checkpoints/last', epoch: progress.epoch });
  };
  const started = performance.now();
  try {
    if (checkpoint) restoreSearch(search, checkpoint);
    await shareSearch(search, parallel);
    log.append({
      type: 'start',
      command: request.command ?? 'espalier search',
      config: { ...config },
      versions: versions(),
      ...(plan.folder ? { resumedEpoch: progress.epoch, resumedStep: progress.current.steps } : {}),
    });
    logNotices(run, watcher);
    if (!checkpoint) for (const message of network.notes ?? []) logNote(message, log, watcher);
    if (need) logMemoryNeed(need, ADVICE, log, watcher, chosen && `memory=${chosen}: `);
    watcher.line(
      `search in ${folder.path}: ${dataset.name}, ${dataset.splits.train.length} training samples, ${network.weights.count()} weights`,
    );
    if (device === 'cpu' && kernelThreads() < threads()) logNote(ONE_THREAD, log, watcher);
    const precise = precisionNote(config.precision, device);
    if (precise) logNote(precise, log, watcher);
    logProcesses(parallel, config, log, watcher);
    recordData(data, run, watcher);
    const recorder = createRecorder({ run, watcher, config, search, save });
    await runPrepared(prepared, config, recorder, parallel, signal);
    const { genotype } = describe(network.snapshot());
    const seconds = (performance.now() - started) / 1000;
    logCollectives(parallel, seconds, log, watcher);
    log.append({
      type: 'end',
      status: 'done',
      message: `found ${summariseGenotype(genotype)} in ${formatDuration(seconds)}`,
    });
    const report = writeReport(folder);
    return { run: folder.path, genotype, report, seconds, peakBytes: memory().peakBytes };
  } catch (error) {
    throw endWithError('search', run, error, save);
  } finally {
    run.close();
  }
}

/** The same search on a rank other than the first: it computes its part of every batch, and writes nothing. */
export async function followSearch(request: RunRequest, parallel: Parallel, signal?: AbortSignal): Promise<void> {
  const { config } = await planTogether('search', settings.search, request, parallel);
  const prepared = await prepareSearch(config, parallel);
  await shareSearch(prepared.search, parallel);
  await runPrepared(prepared, config, { epoch: () => undefined }, parallel, signal);
}

/** The loop, the same on every rank but for what is recorded. */
const runPrepared = async (
  { search, dataset, device, describe }: PreparedSearch,
  config: SearchConfig,
  recorder: SearchRecorder,
  parallel: Parallel,
  signal?: AbortSignal,
): Promise<void> =>
  runSearch(search, {
    dataset,
    settings: searchSettings(config, dataset.rank),
    device,
    loss: await createLoss(dataset, config, device),
    describe,
    recorder,
    signal,
    parallel,
  });

/** Builds everything, takes one step of each kind, and says what they cost; writes nothing. */
export async function searchDryRun(request: RunRequest): Promise<DryRun> {
  const { config } = await planTogether('search', settings.search, request, singleProcess);
  return dryRunSearch(await prepareSearch(config, singleProcess), config);
}

/** Everything that a search needs, from its settings. */
export interface PreparedSearch {
  readonly search: Search;
  readonly dataset: DataSet;
  readonly data: PreparedData;
  readonly device: string;
  readonly describe: (snapshot: unknown) => ArchitectureState;
  /** What a step keeps, where `memory` is `auto`. */
  readonly chosen?: KeptMemory;
  /** Before the first step; counted on the CPU. */
  readonly need?: MemoryNeed;
}

/** A run that resumes, in `folder`, keeps the split of its data. */
async function prepareSearch(config: SearchConfig, parallel: Parallel, folder?: string): Promise<PreparedSearch> {
  const device = prepareMachine(config, parallel);
  const data = await prepareData(config, parallel, folder);
  const { dataset } = data;
  checkSearch(config, dataset);
  const { crop: size, batch } = searchSettings(config, dataset.rank);
  checkSides(size, methodOf(config));
  const { rank, classes } = dataset;
  const searched: SearchData = { rank, inputs: channelsOf(dataset), classes: classes.length, batch, size };
  const { method, network, ...memory } = buildNetwork(config, searched, device, parallel);
  return {
    search: createSearch(method, network),
    dataset,
    data,
    device,
    describe: (snapshot) => method.describe(snapshot, searched),
    ...memory,
  };
}

/** The network of a search, which keeps of a step what the machine has room for, and on the CPU the memory that all of it is about to need. */
function buildNetwork(config: SearchConfig, data: SearchData, device: string, parallel: Parallel) {
  const build = (memory?: KeptMemory) => {
    const method = methodOf(config, memory);
    const origin = { generator: new Generator(config.seed).id, device, ...sharedNorms(config, parallel) };
    return { method, network: inPrecision(method.createSearchNetwork(origin, data), config.precision) };
  };
  const [free, { residentBytes }] = [availableBytes() / parallel.localSize, memory()];
  const built = build();
  // Other devices keep everything, and what they have is not known here.
  if (device !== 'cpu') return built;
  const { method, network } = built;
  const weights = network.weights.count();
  const part = { ...data, batch: Math.ceil(data.batch / parallel.size) };
  const addedBytes = (kept: KeptMemory) =>
    searchBytes(method.keptBytes(part, kept, config.syncNorms && parallel.size > 1), NUMBER_BYTES * weights);
  const needOf = (kept: KeptMemory) => memoryNeed(residentBytes + addedBytes(kept), parallel.localSize);
  if (config.memory !== 'auto') return { ...built, need: needOf(config.memory) };
  const chosen = chooseMemory(addedBytes, free);
  const told = { chosen, need: needOf(chosen) };
  if (chosen === 'fast') return { ...built, ...told };
  for (const { tensor } of network.architecture) tensor.free();
  network.weights.free();
  return { ...build(chosen), ...told };
}

const ONE_THREAD =
  'the compiler of the addon had no OpenMP: fused kernels run on one thread; install it and set up anew';

const ADVICE = 'lower batch or crop, use memory=small, or take partialChannels, fewer filters or fewer layers';

/** Writes what happens to the log, the tables and the checkpoint, and tells the watcher. */
function createRecorder(job: {
  run: OpenRun<SearchState>;
  watcher: RunWatcher;
  config: SearchConfig;
  search: Search;
  save: () => void;
}): SearchRecorder {
  const { run, watcher, config, search, save } = job;
  const { folder, log } = run;
  const results = openResults(folder.results, search.progress.epoch - 1);
  const clock = everyMinutes(config.checkpointMinutes, save);
  return {
    step({ epoch, step, steps, loss, learningRate }) {
      const share = (epoch + step / steps) / config.epochs;
      watcher.progress(share, `epoch ${epoch + 1}/${config.epochs}  loss ${formatLoss(loss)}`);
      log.append({ type: 'step', phase: 'search', epoch, step, loss, learningRate, share });
      if (isSound(search.progress.health)) clock.ask();
    },
    note: (message) => logNote(message, log, watcher),
    epoch(event) {
      const { epoch, genotype, warnings } = event;
      const metrics = metricsOf(event);
      log.append({ type: 'epoch', phase: 'search', epoch, metrics });
      log.append({ type: 'memory', epoch, ...memory() });
      logRanks(log, epoch, event.ranks);
      log.append({ type: 'architecture', epoch, ...architectureOf(event) });
      results.append({ epoch, ...metrics, architecture: summariseGenotype(genotype) });
      writeGenotype(folder, genotype);
      writeAtomically(folder.architecture, `${JSON.stringify(event.snapshot)}\n`);
      const main = event.scores && mainScore(event.scores);
      const score = main ? `  ${main.name} ${main.value.toFixed(3)}` : '';
      const entropies = Object.values(entropiesOf(event)).map((nats) => nats.toFixed(3));
      watcher.line(
        `epoch ${epoch + 1}/${config.epochs}  loss ${formatLoss(event.weightLoss)}${score}  entropy ${entropies.join('/')}  ${summariseGenotype(genotype)}`,
      );
      const empty = emptyBatchesNote(search.progress.drawn);
      if (empty) logNote(empty, log, watcher);
      const slow = slowWarning(search.progress.health, epoch, event.weightLoss);
      for (const message of slow ? [slow, ...warnings] : warnings) logWarning(message, log, watcher);
      if (search.progress.collapsed)
        logWarning(collapseWarning(event.metrics.skipShare, config.maximumSkipShare), log, watcher);
      if (isSound(search.progress.health)) save();
      clock.saved();
    },
  };
}

const metricsOf = ({
  weightLoss,
  architectureLoss,
  learningRate,
  metrics,
  scores,
  discretisationGap,
}: SearchEpoch): Record<string, number | null> => ({
  weightLoss,
  architectureLoss,
  learningRate,
  ...metrics,
  miou: scores?.miou ?? null,
  ...(scores?.volumes ? { dice: scores.volumes.summary.mean.dice } : {}),
  discretisationGap,
});

/** The entropies among the metrics, by what they are of: `operators`, `moves`, `patterns`. */
const entropiesOf = ({ metrics }: SearchEpoch): Record<string, number> =>
  Object.fromEntries(
    Object.entries(metrics)
      .filter(([name]) => name.endsWith('Entropy'))
      .map(([name, nats]) => [`${name.slice(0, -'Entropy'.length)}s`, nats]),
  );

/** The tables of logits by their names, and the path where the architecture has one. */
function architectureOf(event: SearchEpoch) {
  const { genotype } = event;
  const { method: _, ...tables } = event.snapshot as { method: string };
  const path = genotype.method === 'auto-deeplab' ? { path: genotype.path } : {};
  return { ...tables, ...path, entropies: entropiesOf(event), genotype };
}

function checkSearch(config: SearchConfig, dataset: DataSet): void {
  if (config.warmupEpochs >= config.epochs) {
    throw new ConfigError(
      `warmupEpochs is ${config.warmupEpochs} of ${config.epochs} epochs: the architecture would never be searched`,
      'lower warmupEpochs or raise epochs',
    );
  }
  const half = Math.floor(dataset.splits.train.length / 2);
  if (half < config.batch)
    throw new ConfigError(
      `each half of the ${dataset.splits.train.length} training samples is smaller than the batch of ${config.batch}`,
      'lower batch or add samples',
    );
}
