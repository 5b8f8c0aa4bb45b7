/**
 * @file A search in a run folder: settings to a supernet, the loop, and what it found. What `espalier search` and the library call.
 */
import { ConfigError } from '../base/errors.ts';
import { decidedShares, describeDecided, entropiesOf, isUndecided, undecidedWarning } from '../method/decided.ts';
import { fitWidth, hasBudget } from '../models/width.ts';
import { type Parallel, singleProcess } from '../parallel/parallel.ts';
import { settings } from '../run/config/presets.ts';
import type { SearchConfig } from '../run/config/schemas/search.ts';
import type { RunRequest } from '../run/openRun.ts';
import { type Genotype, summariseGenotype } from '../space/genotype.ts';
import { searchLoop } from '../train/search.ts';
import type { SearchRecorder } from '../train/searchOptions.ts';
import { precisionNote } from '../train/step/precision.ts';
import { restoreSearch, shareSearch, storeSearch } from './checkpoint/search.ts';
import { budgetPredictor } from './cost/latency/table.ts';
import { reportMemoryNeed } from './cost/memoryNeed.ts';
import { smallerSearch } from './cost/smaller.ts';
import { type ActiveRun, type FinishedRun, inRunFolder } from './lifecycle.ts';
import { threadsNote } from './machine.ts';
import { planTogether } from './prepare/agreement.ts';
import { recordData } from './prepare/data.ts';
import { foundNetwork } from './prepare/found.ts';
import { describeFit } from './prepare/networkOptions.ts';
import { type PreparedSearch, prepareSearch } from './prepare/search.ts';
import { searchAgain } from './prepare/searchAgain.ts';
import { createSearchRecorder } from './records/search.ts';
import { createLoss, searchSettings, sidesOf } from './settings.ts';
import type { RunWatcher } from './watcher.ts';

/** What a search found, and where it is. */
export interface SearchOutcome<Method extends Genotype['method'] = Genotype['method']> extends FinishedRun {
  readonly genotype: Extract<Genotype, { method: Method }>;
  /** What share of each choice is decided, in [0, 1]: of the operators, the moves or the patterns. */
  readonly decided: Readonly<Record<string, number>>;
  /** Whether next to nothing is: the architecture is then little more than a random one. */
  readonly undecided: boolean;
}

/**
 * Searches as the settings say; see `espalier search --help`. An aborted `signal` ends it after the step in progress. Of the processes of a `parallel`
 * search this is the first, to which the run folder belongs; the others call `followSearch`.
 * @throws StoppedError when it was stopped: everything is saved, and `resume` continues.
 */
export async function searchJob(
  request: RunRequest,
  watcher?: RunWatcher,
  signal?: AbortSignal,
  parallel: Parallel = singleProcess,
): Promise<SearchOutcome> {
  const plan = await planTogether('search', settings.search, request, parallel);
  const { config } = plan;
  if (config.trials > 1)
    throw new ConfigError(`trials: this is one search, got ${config.trials}`, 'call searchTrials, or leave trials out');
  const prepared = await prepareSearch(config, parallel, plan.folder?.path);
  const { search, data, describe } = prepared;
  const resumable = {
    progress: search.progress,
    save: () => storeSearch(search),
    restore: (checkpoint: ReturnType<typeof storeSearch>) => restoreSearch(search, checkpoint),
    share: () => shareSearch(search, parallel),
  };
  const { command } = request;
  const { result, ...finished } = await inRunFolder(
    'search',
    plan,
    resumable,
    { command, watcher, parallel },
    async (run) => {
      reportStart(run, prepared, config);
      recordData(data, run);
      await runLoop(prepared, config, createSearchRecorder(run, config, search), parallel, signal);
      const { genotype, metrics, limits } = describe(search.network.snapshot());
      if (hasBudget(config.budget)) reportBudget(run, genotype, prepared.config);
      const decided = decidedShares(entropiesOf(metrics), entropiesOf(limits));
      const found = `${summariseGenotype(genotype)} (${describeDecided(decided)})`;
      const result = { genotype, decided };
      if (!isUndecided(decided)) return { result, found: `found ${found}` };
      run.warn(`${undecidedWarning(decided)}; to continue, run: ${searchAgain(config)}`);
      return { result, found: `undecided: ${found}`, status: 'undecided' };
    },
  );
  const { genotype, decided } = result;
  return { genotype, decided, undecided: isUndecided(decided), ...finished };
}

/** The same search on a rank other than the first: it computes its part of every batch, and writes nothing. */
export async function followSearch(request: RunRequest, parallel: Parallel, signal?: AbortSignal): Promise<void> {
  const { config } = await planTogether('search', settings.search, request, parallel);
  const prepared = await prepareSearch(config, parallel);
  await shareSearch(prepared.search, parallel);
  await runLoop(prepared, config, { epoch: () => undefined }, parallel, signal);
}

/** The loop, the same on every rank but for what is recorded. */
const runLoop = async (
  { search, dataset, device, describe }: PreparedSearch,
  config: SearchConfig,
  recorder: SearchRecorder,
  parallel: Parallel,
  signal?: AbortSignal,
): Promise<void> =>
  searchLoop(search, {
    dataset,
    settings: searchSettings(config, dataset.rank),
    device,
    loss: await createLoss(dataset, config, device),
    describe,
    recorder,
    signal,
    parallel,
  });

/** How wide the network that was found is within the budget, and what it costs: what a training with the same budget builds. */
function reportBudget({ folder, note }: ActiveRun, genotype: Genotype, config: SearchConfig): void {
  const { options } = foundNetwork(folder.path);
  const size = config.size ?? sidesOf(config.crop, genotype.rank);
  try {
    const latencyOf = budgetPredictor(config.budget, config);
    note(`within the budget: ${describeFit(fitWidth(genotype, options, config.budget, size, 1, latencyOf))}`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    note(`no width of what was found keeps the budget: ${error.message}`);
  }
}

function reportStart(run: ActiveRun, prepared: PreparedSearch, config: SearchConfig): void {
  const { folder, resumed, watcher, note } = run;
  const { search, dataset, device, chosen, need } = prepared;
  const { network } = search;
  watcher.line(
    `search in ${folder.path}: ${dataset.name}, ${dataset.splits.train.length} training samples, ${network.weights.count()} weights`,
  );
  if (!resumed) for (const message of network.notes ?? []) note(message);
  if (need) reportMemoryNeed(run, need, smallerSearch(config), chosen && `memory=${chosen}: `);
  for (const message of [threadsNote(device), precisionNote(config.precision, device)]) if (message) note(message);
}
