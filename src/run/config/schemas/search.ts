/**
 * @file The settings of `espalier search`, by method.
 */
import { z } from 'zod';
import {
  augmentation,
  classWeights,
  loading,
  machine,
  networkBudget,
  networkLimits,
  normEpsilon,
  precision,
  ranks,
  run,
  scale,
  scheduleKeys,
  split,
  volumes,
} from './common.ts';
import {
  choice,
  group,
  notNegative,
  optionalText,
  optionalWhole,
  positive,
  setting,
  share,
  sides,
  switched,
  text,
  whole,
} from './fields.ts';

/** What every method can be set to; `defaults` are the method's own. */
const searchKeys = (defaults: { epochs: number; crop: number }) => ({
  epochs: whole(1, defaults.epochs, 'passes over the first half of the samples'),
  warmup: setting(
    z.number().min(0).lt(1).optional(),
    'a number from 0 below 1',
    'warm-up: share of the epochs in which only the weights are trained; by default 0.5',
  ),
  warmupEpochs: setting(z.int().min(0).optional(), 'a whole number from 0', 'warm-up in epochs, instead of `warmup`'),
  batch: whole(1, 2, 'samples a step'),
  crop: setting(
    sides.default(defaults.crop),
    'a whole number, [height, width] or [depth, height, width]',
    'crop or patch; one number is a square or a cube',
  ),
  scale,
  splitFraction: setting(
    z.number().gt(0).lt(1).default(0.5),
    'a number between 0 and 1',
    'share of the samples that train weights; the rest trains the architecture',
  ),
  layers: whole(2, 12, 'layers of the trellis (L)'),
  secondOrder: switched(
    false,
    'second-order DARTS: architecture gradient after one virtual weight step (four passes instead of one)',
  ),
  maximumSkipShare: share(
    1,
    'stop the search when the share of skips among the decoded operators exceeds this; 1 never stops it',
  ),
  memory: choice(
    ['auto', 'fast', 'balanced', 'small'],
    'auto',
    'activations a step keeps for its backward pass: all, fewer, or as few as possible; auto takes the most that fits the machine',
  ),
  precision,
  classWeights,
  augmentation,
  ...split,
  ...volumes,
  trials: whole(
    1,
    1,
    'number of searches, with seeds from `seed` on; a short training of what each finds chooses one of several, and the same command resumes them',
  ),
  selection: group({
    steps: whole(1, 300, 'of trials: steps of the training that chooses among them'),
    batch: optionalWhole('of trials: samples a step of that training; its preset decides by default'),
    preset: optionalText('of trials: preset of that training; by default the one of the search where training has it'),
  }),
  evaluateSamples: whole(0, 100, 'validation samples scored after an epoch; 0 scores none'),
  ...loading,
});

const searchStart = <const Name extends string>(method: Name) => ({
  data: text('folder or YAML file of the data set'),
  method: setting(
    z.literal(method).default(method as never),
    'auto-deeplab or dints, or ladder for a race (espalier auto)',
    'search method',
  ),
  ...run,
  ...machine,
  ...ranks,
});

const weightOptimiser = (decay: number) => ({
  momentum: share(0.9, 'momentum of the weights'),
  decay: notNegative(decay, 'weight decay of the weights'),
  clip: notNegative(5, 'largest norm of the gradient of the weights; 0 does not clip'),
});

/** Of both searches: what the budget in their objective is counted for. */
const trainFilters = optionalWhole(
  'of a budget: filters (F) of the training that is to follow, for which the objective and decoding count; by default those of its preset, or else of the search',
);

/** Settings of `espalier search method=auto-deeplab`. Defaults are the paper's, section 4.1, where it states them. */
export const autoDeepLabSearchSchema = z.strictObject({
  ...searchStart('auto-deeplab'),
  ...searchKeys({ epochs: 40, crop: 321 }),
  ...networkBudget,
  trainFilters,
  filters: whole(1, 8, 'filter multiplier (F)'),
  blocks: whole(1, 5, 'blocks of a cell (B)'),
  stemFilters: optionalWhole('channels of the stem; the method decides by default'),
  atrous: choice(['dense', 'separable'], 'dense', 'kind of the atrous convolutions'),
  cellWeights: choice(
    ['perNode', 'perEdge'],
    'perNode',
    'cell weights shared by the edges into a node, or separate for each edge',
  ),
  betaNormalisation: choice(['outgoing', 'incoming'], 'outgoing', 'moves sum to one leaving a node, or entering it'),
  sampling: choice(
    ['none', 'gumbel'],
    'none',
    'all operators of an edge in every step, or one of them, drawn with Gumbel noise (GDAS)',
  ),
  temperature: setting(
    z.tuple([z.number().positive(), z.number().positive()]).default([10, 0.1]),
    'two numbers [first, last] above 0',
    'of sampling: temperature of the Gumbel softmax at the start and at the end of the search',
  ),
  partialChannels: whole(
    1,
    1,
    'PC-DARTS K: 1/K of the channels go through the operators, the rest bypass them; K must divide filters',
  ),
  norm: group({ epsilon: normEpsilon }),
  affineNorms: switched(false, 'norms after convolutions learn scale and shift during the search; slower'),
  weights: group({
    learningRate: positive(0.025, 'first learning rate of the weights (SGD)'),
    ...scheduleKeys({ schedule: 'cosine', last: 0.001, milestones: [0.4, 0.8] }),
    ...weightOptimiser(3e-4),
  }),
  architecture: group({
    learningRate: positive(0.003, 'learning rate of the architecture (Adam)'),
    decay: notNegative(0.001, 'weight decay of the architecture'),
  }),
});

/** Settings of `espalier search method=dints`. Defaults are the paper's, sections 3 and 4, where it states them. */
export const dintsSearchSchema = z.strictObject({
  ...searchStart('dints'),
  ...searchKeys({ epochs: 40, crop: 96 }),
  levels: setting(z.int().min(2).max(5).default(4), 'a whole number from 2 to 5', 'resolutions, from stride 2 on'),
  size: networkBudget.size,
  target: networkBudget.target,
  trainFilters,
  width: positive(0.5, 'channels over those of the published network, 64 at stride 2'),
  norm: group({ epsilon: normEpsilon }),
  budget: group({
    memory: setting(
      z.number().positive().default(1),
      'a share up to 1, or bytes above 1',
      'target memory of the edges: a share of that of the largest architecture, or bytes at batch and crop',
    ),
    ...networkLimits,
  }),
  weights: group({
    learningRate: positive(0.025, 'first learning rate of the weights (SGD)'),
    ...scheduleKeys({ schedule: 'steps', last: 0, milestones: [0.4, 0.8] }),
    ...weightOptimiser(4e-5),
  }),
  architecture: group({ learningRate: positive(0.001, 'learning rate of the architecture (Adam)') }),
});

/** Trusted settings, defaults filled in; `method` distinguishes searches. */
export type SearchConfig = z.output<typeof autoDeepLabSearchSchema> | z.output<typeof dintsSearchSchema>;
