/**
 * @file What a search is made of before its first step: its data, its supernet and optimisers, the memory that it is about to need. Writes nothing.
 */
import { ConfigError } from '../../base/errors.ts';
import { outputsOf } from '../../data/regions/regions.ts';
import { channelsOf, type DataSet } from '../../data/types.ts';
import { Generator, memory } from '../../engine/device.ts';
import { type DecodedArchitecture, NUMBER_BYTES, type SearchData } from '../../method/method.ts';
import { type Parallel, sharedNorms } from '../../parallel/parallel.ts';
import { settings } from '../../run/config/presets.ts';
import type { SearchConfig } from '../../run/config/schemas/search.ts';
import type { KeptMemory } from '../../supernet/keptMemory.ts';
import { createSearch, type Search } from '../../train/searchState.ts';
import { inPrecision } from '../../train/step/precision.ts';
import { availableBytes, chooseMemory } from '../cost/chooseMemory.ts';
import { type MemoryNeed, memoryNeed, searchBytes } from '../cost/memoryNeed.ts';
import { prepareMachine } from '../machine.ts';
import { checkSides, searchSettings } from '../settings.ts';
import { withCountedSize } from './countedSize.ts';
import { type PreparedData, prepareData } from './data.ts';
import { requireSearchSamples } from './enoughSamples.ts';
import { methodOf } from './methodOf.ts';
import { searchBudgetOf } from './searchBudget.ts';
import { refuseUnusedSettings } from './unusedSettings.ts';

/** Everything that a search needs, from its settings. */
export interface PreparedSearch {
  readonly search: Search;
  /** The settings, with the size that a budget is counted for. */
  readonly config: SearchConfig;
  readonly dataset: DataSet;
  readonly data: PreparedData;
  readonly device: string;
  readonly describe: (snapshot: unknown) => DecodedArchitecture;
  /** What a step keeps, where `memory` is `auto`. */
  readonly chosen?: KeptMemory;
  /** Before the first step; counted on the CPU. */
  readonly need?: MemoryNeed;
}

/**
 * The search of these settings at its start. One that resumes, in `folder`, keeps the split of its data.
 * @throws ConfigError when the settings do not fit each other or the data, DataError when ranks see different data.
 */
export async function prepareSearch(given: SearchConfig, parallel: Parallel, folder?: string): Promise<PreparedSearch> {
  const device = prepareMachine(given, parallel);
  const data = await prepareData(given, parallel, folder);
  const { dataset } = data;
  if (folder === undefined) refuseUnusedSettings(settings.search, given, dataset.rank);
  checkSearch(given, dataset);
  const { crop: size, batch } = searchSettings(given, dataset.rank);
  checkSides(size, methodOf(given));
  const config = await withCountedSize(given, dataset, size, parallel);
  const { rank } = dataset;
  const budget = searchBudgetOf(config, dataset);
  const searched: SearchData = {
    rank,
    inputs: channelsOf(dataset),
    classes: outputsOf(dataset).length,
    batch,
    size,
    ...(budget ? { budget } : {}),
  };
  const { method, network, ...memory } = buildSupernet(config, searched, device, parallel);
  return {
    search: createSearch(method, network),
    config,
    dataset,
    data,
    device,
    describe: (snapshot) => method.describe(snapshot, searched),
    ...memory,
  };
}

/** The network of a search, which keeps of a step what the machine has room for, and on the CPU the memory that all of it is about to need. */
function buildSupernet(config: SearchConfig, data: SearchData, device: string, parallel: Parallel) {
  const build = (memory?: KeptMemory) => {
    const method = methodOf(config, memory);
    const origin = {
      generator: new Generator(config.seed).id,
      device,
      normEpsilon: config.norm.epsilon,
      ...sharedNorms(config, parallel),
    };
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
  const prediction = { chosen, need: needOf(chosen) };
  if (chosen === 'fast') return { ...built, ...prediction };
  for (const { tensor } of network.architecture) tensor.free();
  network.weights.free();
  return { ...build(chosen), ...prediction };
}

function checkSearch(config: SearchConfig, dataset: DataSet): void {
  const { epochs, warmupEpochs = 0 } = config;
  if (warmupEpochs >= epochs) {
    throw new ConfigError(
      `warmupEpochs is ${warmupEpochs} of ${epochs} epochs: the architecture would never be searched`,
      `lower warmupEpochs to at most ${epochs - 1}, raise epochs, or give the warm-up as a share: warmup=0.3`,
    );
  }
  requireSearchSamples(config, dataset);
}
