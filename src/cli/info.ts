/**
 * @file `espalier info`: what an architecture, a run or the supernet is made of and costs.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../base/errors.ts';
import { formatBytes } from '../base/text.ts';
import { chooseDevice, Generator, memory } from '../engine/device.ts';
import { measureLatency } from '../jobs/cost/latency/measure.ts';
import { budgetPredictor, threadsOf } from '../jobs/cost/latency/table.ts';
import { type MemoryTask, measureMemory } from '../jobs/cost/measureNetwork.ts';
import { measureSearchStep } from '../jobs/cost/measureSearch.ts';
import { prepareMachine } from '../jobs/machine.ts';
import { loadDescription } from '../jobs/network.ts';
import { foundNetwork, isSearchRun } from '../jobs/prepare/found.ts';
import { methodOf } from '../jobs/prepare/methodOf.ts';
import { describeFit, sharesLine } from '../jobs/prepare/networkOptions.ts';
import { readArchitecture } from '../jobs/readArchitecture.ts';
import {
  type Architecture,
  type BuildOptions,
  buildArchitecture,
  isGenotype,
  summariseArchitecture,
} from '../models/architecture.ts';
import { countNetwork, type NetworkCost, type NetworkGraph } from '../models/graph.ts';
import { estimateMemory, type MemoryEstimate } from '../models/memory.ts';
import { comparePublished } from '../models/publishedCost.ts';
import { BUDGET_KEYS, fitWidth, hasBudget, sharesOf } from '../models/width.ts';
import { parseConfig } from '../run/config/config.ts';
import { settings } from '../run/config/presets.ts';
import { networkBudget } from '../run/config/schemas/common.ts';
import { refuseUnused, type UnusedSettings } from '../run/config/unused.ts';
import { openRunFolder } from '../run/folder.ts';
import { trellisFacts } from '../supernet/network.ts';
import { createSearch } from '../train/searchState.ts';
import { type Command, printJson, readSettings } from './command.ts';

const whole = (value: number, description: string) =>
  z.int().min(1).default(value).meta({ expected: 'a whole number from 1', description });

const infoSettings = {
  schema: z.strictObject({
    size: z.array(z.int().min(1)).min(2).max(3).optional().meta({
      expected: '[height, width] or [depth, height, width]',
      description: 'image or volume for which multiply-adds are counted; 1025 x 2049 or 96 x 96 x 96 by default',
    }),
    classes: z.int().min(1).optional().meta({
      expected: 'a whole number from 1',
      description: 'number of classes; those of the data of a search, else 19, by default',
    }),
    channels: z.int().min(1).optional().meta({
      expected: 'a whole number from 1',
      description:
        'channels of the input; those of the data of a search, else 3 of images and 1 of volumes, by default',
    }),
    filters: z
      .int()
      .min(1)
      .optional()
      .meta({ expected: 'a whole number from 1', description: 'filters F instead of those of the architecture' }),
    budget: networkBudget.budget,
    target: networkBudget.target,
    layers: whole(12, 'layers of the supernet'),
    blocks: whole(5, 'blocks of a cell of the supernet'),
    atrous: z
      .enum(['dense', 'separable'])
      .default('dense')
      .meta({ expected: 'dense or separable', description: 'atrous convolutions of the supernet' }),
    crop: whole(321, 'crop of the measured search step'),
    batch: whole(2, 'samples of a step: for the memory, and for the measured search step'),
    device: z.string().default('auto').meta({ expected: 'auto, cpu, cuda', description: 'where to measure' }),
    threads: z.int().min(0).default(0).meta({ expected: 'a whole number from 0', description: 'threads; 0 takes all' }),
  }),
};
type InfoConfig = z.output<typeof infoSettings.schema>;

export const infoCommand: Command = {
  name: 'info',
  summary: 'parameters, multiply-adds, memory and shape of an architecture',
  usage:
    'info <genotype|run|name|auto-deeplab> [size=[height,width]] [classes=19] [channels=3] [filters=F] [budget.multiplyAdds=0.5e9] [batch=2] [--measure] [--json]',
  settings: infoSettings,
  needsEngine: (words) => words.some((word) => word === '--measure' || word.includes('budget.latencyMs')),
  async run(words) {
    const { config, flags, positionals, keys: given } = readSettings(infoSettings, words, ['json', 'measure']);
    const [name] = positionals;
    if (name === undefined)
      throw new ConfigError(
        'info: expected a name, got none',
        'name a genotype file, a run, an architecture such as auto-deeplab-s, or auto-deeplab for the supernet',
      );
    if (name === 'auto-deeplab') await supernetInfo(config, flags, given);
    else await networkInfo(name, config, flags, given);
  },
};

/** A network with what it is built from. */
interface Subject {
  readonly architecture: Architecture;
  readonly options: BuildOptions;
  /** What the numbers are of, where it is not said by the name. */
  readonly note?: string;
}

function subjectOf(name: string, config: InfoConfig, given: ReadonlySet<string>): Subject {
  if (existsSync(join(name, 'network.json'))) {
    const described = loadDescription(openRunFolder(name));
    const instead = isGenotype(described.architecture) ? `give ${join(name, 'genotype.json')} with them` : undefined;
    const because = `${name} has the network that it trained`;
    refuseUnused(given, [{ keys: ['classes', 'channels', 'filters', ...BUDGET_SETTINGS], because, instead }]);
    return described;
  }
  const architecture = readArchitecture(name);
  const { classes, channels: inputs, filters } = config;
  const wanted = Object.fromEntries(Object.entries({ classes, inputs, filters }).filter(([, value]) => value));
  if (isSearchRun(name)) {
    const { options, preset } = foundNetwork(name);
    const trained = preset === undefined ? 'train' : `train preset=${preset}`;
    return { architecture, options: { ...options, ...wanted }, note: `as ${trained} builds it` };
  }
  // Some networks are there for images and for volumes: the size says which.
  const rank = isGenotype(architecture) ? architecture.rank : config.size?.length === 3 ? 3 : 2;
  return { architecture, options: { rank, inputs: rank === 3 ? 1 : 3, classes: 19, ...wanted } };
}

async function networkInfo(
  name: string,
  config: InfoConfig,
  flags: Record<string, boolean>,
  given: ReadonlySet<string>,
): Promise<void> {
  const { size: wanted } = config;
  refuseUnused(given, [
    { keys: ['layers', 'blocks', 'atrous', 'crop'], because: 'it is of the supernet, info auto-deeplab' },
    ...(flags.measure
      ? []
      : [notMeasured('device', ...(config.budget.latencyMs === undefined ? ['threads', 'target'] : []))]),
  ]);
  const { architecture, options: plain, note } = subjectOf(name, config, given);
  const size = wanted ?? DEFAULT_SIZE[plain.rank ?? 2];
  const fitted = hasBudget(config.budget)
    ? fitWidth(architecture, plain, config.budget, size, 1, budgetPredictor(config.budget, config))
    : undefined;
  const options = fitted?.options ?? plain;
  const graph = buildArchitecture(architecture, options);
  const cost = countNetwork(graph, size);
  // Other filters make another network.
  const published = config.filters === undefined && !fitted ? comparePublished(name, graph, size) : undefined;
  const { batch } = config;
  const estimate = estimateMemory(graph, size, batch);
  const measured = flags.measure
    ? await measureBoth({ graph, size, batch, device: chooseDevice(config.device), threads: config.threads })
    : null;
  const latency = flags.measure ? await latencyOf(graph, size, config) : null;
  if (flags.json) {
    printJson({
      name,
      parameters: cost.parameters,
      multiplyAdds: cost.multiplyAdds,
      size,
      classes: options.classes,
      channels: options.inputs,
      stages: cost.stages,
      shares: sharesOf(graph, size),
      ...(fitted ? { widths: widthsOf(options), multiplier: fitted.multiplier, unused: fitted.unused } : {}),
      ...(latency ? { latency } : {}),
      memory: { batch, ...estimate, ...(measured ? { measured } : {}) },
      ...(published ? { published } : {}),
      architecture,
    });
    return;
  }
  const { filters = isGenotype(architecture) ? architecture.filters : undefined } = options;
  const width = options.widths ? undefined : filters;
  process.stdout.write(
    `${name}: ${summariseArchitecture(architecture)}, ${width === undefined ? '' : `${width} filters, `}${options.classes} classes, ${options.inputs} input channel${options.inputs === 1 ? '' : 's'}${note === undefined ? '' : `, ${note}`}\n${fitted ? `${describeFit(fitted)}\n` : ''}${costTable(cost, size)}\n${sharesLine(sharesOf(graph, size))}\n${memoryTable(estimate, measured, batch)}\n${latency ? `${latency.ms.toFixed(1)} ms an input (${latency.target}, ${latency.threads} thread${latency.threads === 1 ? '' : 's'})\n` : ''}${published ? `${published.remark}\n` : ''}`,
  );
}

/** The settings of a budget. */
const BUDGET_SETTINGS = BUDGET_KEYS.map((key) => `budget.${key}`);

/** The channels that were solved for. */
const widthsOf = ({ widths, stem, head }: BuildOptions) => ({ widths, stem, head });

const notMeasured = (...keys: string[]): UnusedSettings => ({
  keys,
  because: 'nothing is measured',
  instead: 'add --measure',
});

/** Milliseconds of one inference on the processor. */
async function latencyOf(graph: NetworkGraph, size: readonly number[], { target, threads: wanted }: InfoConfig) {
  const threads = threadsOf(wanted);
  prepareMachine({ threads, device: 'cpu' });
  return { ms: await measureLatency(graph, size, target, threads), target, threads };
}

type Peaks = Pick<MemoryEstimate, 'trainingBytes' | 'inferenceBytes'>;

/** Peaks of a training step and of an inference, each in a process of its own. */
async function measureBoth(task: Omit<MemoryTask, 'kind'>): Promise<Peaks> {
  const training = await measureMemory({ ...task, kind: 'training' });
  const inference = await measureMemory({ ...task, kind: 'inference' });
  return { trainingBytes: training.bytes, inferenceBytes: inference.bytes };
}

function memoryTable(estimate: Peaks, measured: Peaks | null, batch: number): string {
  const row = (label: string, key: keyof Peaks) =>
    `${label.padEnd(12)}${formatBytes(estimate[key]).padStart(14)}${measured ? formatBytes(measured[key]).padStart(12) : ''}`;
  return [
    `${'peak memory'.padEnd(12)}${'estimated'.padStart(14)}${measured ? 'measured'.padStart(12) : ''}   at batch ${batch}`,
    row('train step', 'trainingBytes'),
    row('inference', 'inferenceBytes'),
  ].join('\n');
}

/** The sizes that the papers count at. */
const DEFAULT_SIZE = { 2: [1025, 2049], 3: [96, 96, 96] } as const;

function costTable(cost: NetworkCost, size: readonly number[]): string {
  const row = (stage: string, parameters: number, multiplyAdds: number) =>
    `${stage.padEnd(12)}${parameters.toLocaleString('en').padStart(14)}${(multiplyAdds / 1e9).toFixed(2).padStart(12)}`;
  return [
    `${'stage'.padEnd(12)}${'parameters'.padStart(14)}${'G mult-adds'.padStart(12)}   at ${size.join(' x ')}`,
    ...cost.stages.map(({ stage, parameters, multiplyAdds }) => row(stage, parameters, multiplyAdds)),
    row('all', cost.parameters, cost.multiplyAdds),
  ].join('\n');
}

async function supernetInfo(
  config: InfoConfig,
  flags: Record<string, boolean>,
  given: ReadonlySet<string>,
): Promise<void> {
  refuseUnused(given, [
    { keys: [...BUDGET_SETTINGS, 'target'], because: 'the supernet is as wide as its filters' },
    { keys: ['size'], because: 'nothing is counted by the size of an image here', instead: 'set crop with --measure' },
    ...(flags.measure ? [] : [notMeasured('crop', 'batch')]),
  ]);
  const { layers, blocks, classes = 19, channels: inputs = 3, atrous, filters = 8 } = config;
  const device = prepareMachine(config);
  const generator = new Generator(0);
  const { batch, crop } = config;
  const space = parseConfig(settings.search, [{ data: 'none', layers, filters, blocks, atrous, batch, crop }]);
  const method = methodOf(space);
  const data = { rank: 2, inputs, classes, batch, size: [crop, crop] } as const;
  const network = method.createSearchNetwork({ generator: generator.id, device }, data);
  const facts = {
    ...trellisFacts(layers),
    parameters: network.weights.count(),
    architectureParameters: { alpha: network.architecture[0].tensor.size, beta: trellisFacts(layers).edges },
  };
  const measured = flags.measure
    ? measureSearchStep(createSearch(method, network), { ...data, crop: data.size, device, generator })
    : null;
  if (flags.json) {
    printJson({
      name: 'auto-deeplab',
      layers,
      filters,
      blocks,
      atrous,
      classes,
      ...facts,
      ...(measured ? { measured } : {}),
    });
    return;
  }
  process.stdout.write(
    `supernet: ${layers} layers, ${filters} filters, ${blocks} blocks, ${atrous} atrous\n` +
      `nodes ${facts.nodes}, edges ${facts.edges}, cell evaluations ${facts.cellEvaluations}\n` +
      `weights ${facts.parameters.toLocaleString('en')}, alpha ${facts.architectureParameters.alpha}, beta ${facts.architectureParameters.beta}\n`,
  );
  if (measured) {
    const { weightSeconds, architectureSeconds, peakBytes } = measured;
    process.stdout.write(
      `search step at crop ${config.crop}, batch ${config.batch}: weights ${weightSeconds.toFixed(1)} s, architecture ${architectureSeconds.toFixed(1)} s, peak ${formatBytes(peakBytes)} (process ${formatBytes(memory().residentBytes)})\n`,
    );
  }
}
