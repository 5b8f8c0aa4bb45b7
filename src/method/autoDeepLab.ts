/**
 * @file Auto-DeepLab as a method: one cell and one path through the resolutions, both searched by gradient. @paper auto-deeplab section 4
 */
import { ConfigError } from '../base/errors.ts';
import { decodeAutoDeepLab } from '../decode/autoDeepLab.ts';
import { moveEntropy, operatorEntropy, predecessorEntropy, skipShare } from '../decode/entropy.ts';
import type { Rank } from '../nn/layers.ts';
import { adam, sgd } from '../nn/optimisers.ts';
import { scheduleOf } from '../nn/schedules.ts';
import { requireMethod } from '../space/genotype.ts';
import type { AutoDeepLabLogits } from '../space/logits.ts';
import { operatorsNotFused } from '../supernet/fusedCell.ts';
import type { KeptMemory } from '../supernet/keptMemory.ts';
import { createSupernet, type SupernetOptions } from '../supernet/network.ts';
import { elementsKept } from '../supernet/networkMemory.ts';
import { withExcess } from './budget/objective.ts';
import { describeWithin, oncePerBudget, planAutoDeepLab } from './budget/plan.ts';
import { type Method, NUMBER_BYTES, type SearchData, type WeightDescent } from './method.ts';
import { skipWarnings } from './skipCollapse.ts';

/** Keys of the Auto-DeepLab space and of its optimisers. */
export interface AutoDeepLabSettings {
  readonly layers: number;
  readonly filters: number;
  readonly blocks: number;
  readonly atrous: 'dense' | 'separable';
  readonly cellWeights: 'perNode' | 'perEdge';
  readonly betaNormalisation: 'outgoing' | 'incoming';
  /** Default: false. */
  readonly affineNorms?: boolean;
  /** One part of so many of the channels passes the operators; default: 1. */
  readonly partialChannels?: number;
  /** All operators at once, or one an edge; default: all. */
  readonly sampling?: 'none' | 'gumbel';
  /** Of sampling: at the start and at the end of the search. */
  readonly temperature?: readonly [number, number];
  readonly stemFilters?: number;
  /** Of the whole search, for milestones of the schedule. */
  readonly epochs?: number;
  readonly warmupEpochs?: number;
  readonly weights: WeightDescent;
  readonly architecture: { readonly learningRate: number; readonly decay: number };
  /** What fused cells keep for the backward pass; default fast. */
  readonly memory?: KeptMemory;
  /** False composes the cells of libtorch's operators also where they could be fused; default true. */
  readonly fused?: boolean;
}

/** The method with its settings. */
export function autoDeepLab(settings: AutoDeepLabSettings): Method {
  const { blocks, filters, atrous } = settings;
  const planOf = (rank: Rank) => oncePerBudget((budget) => planAutoDeepLab({ rank, blocks, filters, atrous }, budget));
  const plans = { 2: planOf(2), 3: planOf(3) };
  return {
    name: 'auto-deeplab',
    sides: { multiple: 32, remainder: 1 },
    createSearchNetwork(origin, data) {
      const { sampling, partialChannels: parts = 1 } = settings;
      if (filters % parts !== 0)
        throw new ConfigError(
          `partialChannels is ${parts}, but ${filters} filters do not divide into so many parts`,
          `raise filters to ${parts * Math.ceil(filters / parts)}`,
        );
      const supernet = createSupernet(origin, supernetOptions(settings, data));
      const { architecture } = supernet;
      const plan = plans[data.rank](data.budget);
      const decoded = () => decodeAutoDeepLab(architecture.snapshot(), { filters, atrous, rank: data.rank });
      const probabilities = () => {
        const edges = architecture.edgeShares();
        return {
          operators: architecture.operatorProbabilities(),
          moves: architecture.moveProbabilities(),
          ...(edges ? { edges } : {}),
        };
      };
      return {
        weights: supernet.parameters,
        architecture: architecture.parameters,
        forward: (images, pass, genotype) =>
          supernet.forward(images, pass, genotype && requireMethod(genotype, 'auto-deeplab')),
        // A budget counts the network that the architecture decodes to, which is read in every step.
        steady: sampling !== 'gumbel' && !plan,
        objective: (outputLoss, ramp) =>
          plan ? withExcess(outputLoss, plan.expected(probabilities(), decoded()), ramp) : outputLoss,
        snapshot: architecture.snapshot,
        notes: notesOn(settings, data.rank),
      };
    },
    keptBytes(data, memory, sharedNorms) {
      const fused = isFused(settings, data.rank, sharedNorms);
      const elements = elementsKept(supernetOptions(settings, data), data, fused ? memory : 'composed');
      return NUMBER_BYTES * elements;
    },
    optimise({ weights, architecture }) {
      const { epochs = 1, warmupEpochs = 0, weights: sgdSettings } = settings;
      const { learningRate: architectureRate, decay } = settings.architecture;
      return {
        weights: {
          optimiser: sgd(weights.parameters(), settings.weights),
          rate: scheduleOf({ schedule: 'cosine', ...sgdSettings }, warmupEpochs / epochs),
          clip: sgdSettings.clip,
        },
        architecture: {
          optimiser: adam(architecture, { decay, decoupled: false }),
          rate: () => architectureRate,
          clip: 0,
        },
      };
    },
    describe(snapshot, { rank, budget }) {
      const parameters = snapshot as AutoDeepLabLogits;
      const within = plans[rank](budget)?.decode(parameters);
      const genotype = within?.genotype ?? decodeAutoDeepLab(parameters, { filters, atrous, rank });
      const used = within && budget ? describeWithin(within, budget) : undefined;
      const metrics = {
        operatorEntropy: operatorEntropy(parameters.alpha),
        moveEntropy: moveEntropy(parameters),
        ...(parameters.predecessors ? { predecessorEntropy: predecessorEntropy(parameters.predecessors) } : {}),
        skipShare: skipShare(genotype),
        ...used?.metrics,
      };
      const { alpha, beta, predecessors } = parameters;
      const limits = {
        operatorEntropy: operatorEntropy(alpha.map(zeros)),
        moveEntropy: moveEntropy({ ...parameters, beta: beta.map((level) => level.map(zeros)) }),
        ...(predecessors ? { predecessorEntropy: predecessorEntropy(zeros(predecessors)) } : {}),
      };
      return { genotype, metrics, limits, warnings: [...skipWarnings(metrics.skipShare), ...(used?.warnings ?? [])] };
    },
  };
}

/** Logits of a uniform choice among those that there are. */
const zeros = <Logit extends number | null>(logits: readonly Logit[]): Logit[] =>
  logits.map((logit) => (logit === null ? logit : (0 as Logit)));

/** The shape of the supernet that some settings ask for. */
function supernetOptions(
  settings: AutoDeepLabSettings,
  { rank, inputs, classes }: Pick<SearchData, 'rank' | 'inputs' | 'classes'>,
): SupernetOptions {
  const { stemFilters: stem, sampling, temperature = [10, 0.1], partialChannels: parts = 1 } = settings;
  return {
    ...settings,
    sampling: sampling === 'gumbel' ? { temperature } : undefined,
    partialChannels: parts > 1 ? parts : undefined,
    rank,
    inputs,
    classes,
    ...(stem === undefined ? {} : { stem: [stem, stem, 2 * stem] }),
  };
}

/** What is asked for that the fused cell does not compute. */
const notFused = ({ affineNorms, sampling, partialChannels = 1 }: AutoDeepLabSettings): string[] => [
  ...Object.entries({
    affineNorms,
    sampling: sampling === 'gumbel',
    partialChannels: partialChannels > 1,
  }).flatMap(([name, on]) => (on ? [name] : [])),
  ...operatorsNotFused(),
];

/** Whether the cells are operators of the kernels on the CPU. */
const isFused = (settings: AutoDeepLabSettings, rank: Rank, sharedNorms: boolean): boolean =>
  rank === 2 && settings.fused !== false && !sharedNorms && notFused(settings).length === 0;

/** Why cells of images fall back to the unfused form where the fused cell does not support the settings. */
function notesOn(settings: AutoDeepLabSettings, rank: Rank): string[] {
  const asked = notFused(settings);
  if (rank === 3 || settings.fused === false || asked.length === 0) return [];
  return [
    `${asked.join(', ')}: the fused cell does not support ${asked.length > 1 ? 'these' : 'this'}; falling back to slower unfused cells`,
  ];
}
