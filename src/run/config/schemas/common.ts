/**
 * @file Settings that several commands share: the machine, the run, the data, augmentation, budgets, learning rates, inference.
 */
import { z } from 'zod';
import {
  atMost,
  choice,
  group,
  notNegative,
  optionalText,
  positive,
  setting,
  share,
  sides,
  switched,
  whole,
} from './fields.ts';

/** Where it runs. */
export const machine = {
  seed: setting(z.int().min(0).max(0xffffffff).default(0), 'a whole number from 0', 'seed of everything random'),
  device: setting(
    z
      .string()
      .regex(/^(auto|cpu|mps|cuda(:\d+)?)$/)
      .default('auto'),
    'auto, cpu, cuda, cuda:<number> or mps',
    'where to compute; auto takes a GPU when there is one',
  ),
  threads: whole(0, 0, 'CPU threads; 0 takes all'),
};

/** How several processes compute one run. */
export const ranks = {
  syncNorms: switched(false, 'synchronised batch norm: statistics over the whole batch, across processes'),
};

/** Which run it is. */
export const run = {
  preset: optionalText('a named set of settings to start from'),
  name: optionalText('name of the run; the date and time by default'),
  runs: setting(z.string().min(1).default('runs'), 'a string', 'folder of all runs'),
};

/** Which samples are trained on and which are validated on. */
export const split = {
  splitSeed: setting(
    z.int().min(0).max(0xffffffff).default(0),
    'a whole number from 0',
    'of data without a split: seed of the split by hash; independent of `seed`',
  ),
  splitOf: optionalText('run whose split to reuse, where the data have none; that of `from` or `arch` by default'),
  fold: whole(0, 0, 'of data without a split, or with folds of their own: index of the validation fold, from 0'),
  folds: whole(2, 5, 'of data without a split: number of folds'),
};

/** How samples are loaded, and how often work is saved. */
export const loading = {
  workers: whole(0, 1, 'threads that decode and augment samples'),
  checkpointMinutes: positive(5, 'minutes between checkpoints; one is also written after every epoch'),
};

/** How samples are changed at random. */
export const augmentation = group({
  scale: setting(
    z
      .tuple([z.number().positive(), z.number().positive()])
      .refine(([low, high]) => low <= high)
      .default([0.5, 2]),
    'two numbers [smallest, largest] above 0',
    'of images: range of the random resize',
  ),
  step: notNegative(0.25, 'of images: grid of the random resize; 0 draws any scale'),
  flip: switched(true, 'random horizontal flip; volumes are mirrored along every axis'),
  turns: switched(
    false,
    'of images: random turns by 90 degrees and mirrorings along both axes, where nothing in them has an up',
  ),
  colour: share(0, 'of images: strength of random brightness, contrast and saturation'),
  rotation: notNegative(0.3, 'of volumes: largest rotation about each axis, in radians'),
  zoom: setting(
    z
      .tuple([z.number().positive(), z.number().positive()])
      .refine(([low, high]) => low <= high)
      .default([0.8, 1.2]),
    'two numbers [smallest, largest] above 0',
    'of volumes: range of the random enlargement',
  ),
  intensity: switched(true, 'of volumes: random noise, smoothing, scale, shift and gamma'),
});

/** What passes compute in. */
export const precision = choice(
  ['float32', 'bfloat16'],
  'float32',
  'compute precision of training passes: bfloat16 applies to everything on a GPU, and to the large products on a processor with AMX; weights, losses and scores stay float32',
);

/** What norms add to a variance. */
export const normEpsilon = positive(1e-5, 'epsilon of the norms, added to the variance');

/** What classes weigh in the loss. */
export const classWeights = setting(
  z.union([z.enum(['none', 'sqrt', 'median']), z.array(z.number().positive()).min(2)]).default('none'),
  'none or sqrt or median, or a list of numbers above 0',
  'class weights in the loss, from class frequencies; of regions those of their binary cross-entropy; a list states them',
);

/** By how much images are reduced. */
export const scale = setting(
  z.number().min(1).default(1),
  'a number from 1',
  'of images: downscaling, 2 halves height and width',
);

/** Of sliding windows. */
export const overlap = setting(
  z.number().min(0).lt(1).default(0.5),
  'a number from 0 below 1',
  'overlap of neighbouring windows, as a share of a window',
);

/** What a network may cost at most. */
export const networkLimits = {
  multiplyAdds: atMost('multiply-adds for one input of `size`'),
  parameters: atMost('parameters'),
  trainingMemory: atMost('bytes for a training step of one input'),
  inferenceMemory: atMost('bytes for an inference of one input'),
  latencyMs: atMost('milliseconds for an inference of one input on this machine (espalier measure)'),
};

/** What a network may cost; the same keys for every command. */
export const networkBudget = {
  budget: group(networkLimits),
  size: setting(
    z.array(z.int().min(1)).min(2).max(3).optional(),
    '[height, width] or [depth, height, width]',
    'input for which budgets are counted; by default the size of the data',
  ),
  target: choice(
    ['engine', 'onnxruntime'],
    'engine',
    'what runs the network that budget.latencyMs is for, on `threads`',
  ),
};

const normalisation = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('window'),
    window: z.tuple([z.number(), z.number()]),
    mean: z.number(),
    deviation: z.number().positive(),
  }),
  z.strictObject({ kind: z.literal('zscore'), percentiles: z.tuple([z.number(), z.number()]) }),
  z.strictObject({ kind: z.literal('none') }),
]);

/** What only volumes need; `espalier data check` proposes a preparation. */
export const volumes = {
  foregroundShare: share(2 / 3, 'of volumes: share of the patches that are centred on a class other than background'),
  preparation: group({
    spacingMm: setting(
      z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]).optional(),
      'three numbers above 0, [depth, height, width]',
      'of volumes: voxel spacing to resample to, in millimetres; by default the spacing of each volume',
    ),
    normalisation: setting(
      z.array(normalisation).min(1).optional(),
      'a list, one of {kind: window|zscore|none, ...} for each modality',
      'of volumes: how intensities are normalised; by default a window for CT and z-scores for others',
    ),
    cropForeground: setting(
      z.boolean().optional(),
      'true or false',
      'of volumes: cut away empty outer slices; by default true',
    ),
  }),
  overlap,
};

const SCHEDULES = ['poly', 'cosine', 'steps'] as const;

/** The learning rate over a run; see `nn/schedules.ts`. */
export const scheduleKeys = (defaults: {
  schedule: (typeof SCHEDULES)[number];
  last: number;
  milestones: number[];
}) => ({
  schedule: choice(SCHEDULES, defaults.schedule, 'learning rate schedule'),
  minimumLearningRate: notNegative(defaults.last, 'of schedule=poly and cosine: last learning rate'),
  power: positive(0.9, 'of schedule=poly: its exponent'),
  milestones: setting(
    z.array(z.number().gt(0).lt(1)).default(defaults.milestones),
    'a list of numbers between 0 and 1',
    'of schedule=steps: shares of the run (in a search, of what follows its warm-up) after which the rate is multiplied by `factor`',
  ),
  factor: setting(
    z.number().gt(0).max(1).default(0.5),
    'a number above 0 up to 1',
    'of schedule=steps: factor of the rate at each milestone',
  ),
});

/** Over which views of an input probabilities are averaged. */
const testTimeAugmentation = group({
  scales: setting(
    z.array(z.number().positive()).min(1).default([1]),
    'a list of numbers above 0',
    'scales whose probabilities are averaged',
  ),
  flip: switched(false, 'average with the horizontal flip: short for mirror=[width]'),
  mirror: setting(
    z.array(z.enum(['depth', 'height', 'width'])).default([]),
    'a list of depth, height, width',
    'axes to mirror along in all combinations: their probabilities are averaged',
  ),
});

/** Which weights of a run. */
export const checkpoint = choice(['best', 'last'], 'best', 'which weights of the run');

/** How a trained network is run over whole images and volumes. */
export const inference = {
  device: machine.device,
  threads: machine.threads,
  tta: testTimeAugmentation,
  window: setting(
    sides.optional(),
    'a whole number or a list, one for each axis',
    'sides of the sliding window; by default images are read as a whole and volumes by the crop of the training',
  ),
  overlap,
};
