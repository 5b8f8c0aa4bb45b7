/**
 * @file The settings of every command as zod schemas: names, defaults, ranges. What is expected is stated once, next to the check, and
 * serves both errors and help. One file although it is long: the commands share most of their keys, and this is the list of all of them.
 */
import { z } from 'zod';

/** Attaches what a value must be (for errors) and what it does (for help). */
function setting<Schema extends z.ZodType>(schema: Schema, expected: string, description: string): Schema {
  return schema.meta({ expected, description });
}

const whole = (minimum: number, value: number, description: string) =>
  setting(z.int().min(minimum).default(value), `a whole number from ${minimum}`, description);
const optionalWhole = (description: string) => setting(z.int().min(1).optional(), 'a whole number from 1', description);
const positive = (value: number, description: string) =>
  setting(z.number().positive().default(value), 'a number above 0', description);
const notNegative = (value: number, description: string) =>
  setting(z.number().min(0).default(value), 'a number from 0', description);
const share = (value: number, description: string) =>
  setting(z.number().min(0).max(1).default(value), 'a number from 0 to 1', description);
const switched = (value: boolean, description: string) =>
  setting(z.boolean().default(value), 'true or false', description);
const text = (description: string) => setting(z.string().min(1), 'a string', description);
const optionalText = (description: string) => setting(z.string().min(1).optional(), 'a string', description);
const choice = <const Names extends readonly [string, ...string[]]>(
  names: Names,
  value: Names[number],
  description: string,
) =>
  setting(
    z.enum(names).default(value as z.util.NoUndefined<z.infer<z.ZodEnum<z.util.ToEnum<Names[number]>>>>),
    names.join(' or '),
    description,
  );

const sides = z.union([z.int().min(1), z.array(z.int().min(1)).min(2).max(3)]);
const group = <Shape extends z.ZodRawShape>(shape: Shape) => z.strictObject(shape).prefault({} as never);

const machine = {
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
const ranks = {
  syncNorms: switched(false, 'synchronised batch norm: statistics over the whole batch, across processes'),
};
const run = {
  preset: optionalText('a named set of settings to start from'),
  name: optionalText('name of the run; the date and time by default'),
  runs: setting(z.string().min(1).default('runs'), 'a string', 'folder of all runs'),
};
const split = {
  splitSeed: setting(
    z.int().min(0).max(0xffffffff).default(0),
    'a whole number from 0',
    'of data without a split: seed of the split by hash; independent of `seed`',
  ),
  splitOf: optionalText('run whose split to reuse, where the data have none; that of `from` or `arch` by default'),
  fold: whole(0, 0, 'of data without a split, or with folds of their own: index of the validation fold, from 0'),
  folds: whole(2, 5, 'of data without a split: number of folds'),
};
const loading = {
  workers: whole(0, 1, 'threads that decode and augment samples'),
  checkpointMinutes: positive(5, 'minutes between checkpoints; one is also written after every epoch'),
};
const augmentation = group({
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
const precision = choice(
  ['float32', 'bfloat16'],
  'float32',
  'compute precision of training passes: bfloat16 applies to everything on a GPU, and to the large products on a processor with AMX; weights, losses and scores stay float32',
);
const normEpsilon = positive(1e-5, 'epsilon of the norms, added to the variance');
const classWeights = setting(
  z.union([z.enum(['none', 'sqrt', 'median']), z.array(z.number().positive()).min(2)]).default('none'),
  'none or sqrt or median, or a list of numbers above 0',
  'class weights in the loss, from class frequencies; a list states them',
);
const scale = setting(
  z.number().min(1).default(1),
  'a number from 1',
  'of images: downscaling, 2 halves height and width',
);

const overlap = setting(
  z.number().min(0).lt(1).default(0.5),
  'a number from 0 below 1',
  'overlap of neighbouring windows, as a share of a window',
);

const atMost = (description: string) =>
  setting(z.number().positive().optional(), 'a number above 0', `network: at most so many ${description}`);
const networkLimits = {
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
const volumes = {
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
const SCHEDULES = ['poly', 'cosine', 'steps'] as const;
/** The learning rate over a run; see `nn/schedules.ts`. */
const scheduleKeys = (defaults: { schedule: (typeof SCHEDULES)[number]; last: number; milestones: number[] }) => ({
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

/** Settings of `espalier train`. Defaults are the paper's, section 4.2, where it states them. */
export const trainSchema = z.strictObject({
  data: text('folder or YAML file of the data set'),
  arch: text('architecture file, run, or name in the registry'),
  ...run,
  ...machine,
  ...ranks,
  trainOn: setting(
    z.array(z.string().min(1)).min(1).default(['train']),
    'a list of splits',
    'splits to train on; Cityscapes with gtCoarse/ has also coarse',
  ),
  heldOut: optionalText(
    'JSON file with the ids of training samples to validate on instead of the validation split; a search with method=ladder writes one',
  ),
  epochs: optionalWhole('budget: passes over the samples'),
  steps: optionalWhole('budget: optimizer steps'),
  minutes: setting(z.number().positive().optional(), 'a number above 0', 'budget: minutes of training'),
  batch: whole(1, 16, 'samples a step'),
  accumulate: whole(1, 1, 'gradient accumulation: a step computes its batch in this many parts, to save memory'),
  precision,
  crop: setting(
    sides.optional(),
    'a whole number, [height, width] or [depth, height, width]',
    'crop or patch; one number is a square or a cube; by default 513 for images and 96 for volumes',
  ),
  scale,
  longSide: optionalWhole('of images: resize every image first, so that its longer side has this many pixels'),
  filters: optionalWhole(
    'filter multiplier (F), instead of the one of the architecture; channels of the first features of an ordinary network',
  ),
  ...networkBudget,
  from: optionalText('run whose weights to start from; logits go by the names of the classes'),
  norms: choice(
    ['trained', 'frozen'],
    'trained',
    'trained: norms learn; frozen: they keep scale, shift and statistics of `from`',
  ),
  norm: group({
    epsilon: normEpsilon,
    momentum: share(0.1, 'of batch norms: weight of a new batch in the running statistics'),
  }),
  optimizer: choice(['sgd', 'adamw'], 'sgd', 'optimiser'),
  learningRate: positive(0.05, 'first learning rate'),
  ...scheduleKeys({ schedule: 'poly', last: 0, milestones: [0.2, 0.4, 0.6, 0.8] }),
  constantShare: setting(
    z.number().min(0).lt(1).default(0),
    'a number from 0 below 1',
    'share of the training at the first learning rate, before the schedule begins',
  ),
  perProcess: switched(
    false,
    'batch and learningRate are those of one process: both are multiplied by the number of processes',
  ),
  warmupSteps: whole(0, 0, 'steps in which the learning rate rises to its first value'),
  momentum: share(0.9, 'momentum of SGD'),
  decay: notNegative(4e-5, 'weight decay'),
  dropPathKeep: setting(
    z.number().gt(0).max(1).default(1),
    'a number above 0 up to 1',
    'scheduled drop path: probability to keep a path at the end; 1 is off',
  ),
  loss: choice(
    ['auto', 'cross-entropy', 'dice-cross-entropy'],
    'auto',
    'loss; auto takes cross-entropy for images and Dice + cross-entropy for volumes',
  ),
  deepSupervision: switched(
    false,
    'also apply the loss to logits at coarser levels, of networks that have them (unet)',
  ),
  classWeights,
  ohem: share(0, 'online hard example mining: share of the hardest pixels that count; 0 counts all'),
  ema: setting(
    z.number().min(0).lt(1).default(0),
    'a number from 0 below 1',
    'decay of the exponential moving average of the weights; 0 is off',
  ),
  clip: notNegative(5, 'largest joint norm of the gradients; 0 is no limit'),
  stem: setting(
    z.tuple([z.int().min(1), z.int().min(1), z.int().min(1)]).default([64, 64, 128]),
    'three whole numbers',
    'channels of the stem',
  ),
  decoder: group({
    filters: whole(1, 256, 'filters of the decoder'),
    lowLevel: whole(1, 48, 'filters of the 1x1 on the finest features'),
  }),
  aspp: group({
    filters: whole(1, 256, 'filters of the branches of the ASPP'),
    rates: setting(
      z.union([z.literal('auto'), z.tuple([z.int().min(1), z.int().min(1), z.int().min(1)])]).default('auto'),
      'auto or three whole numbers',
      'atrous rates of the head; auto takes 6, 12, 18 at output stride 16',
    ),
  }),
  augmentation,
  ...split,
  ...volumes,
  toleranceMm: notNegative(1, 'of volumes: distance within which surfaces count as equal'),
  postprocess: choice(
    ['none', 'largest-component'],
    'none',
    'of volumes: keep only the largest connected component of every class whose validation Dice it raises',
  ),
  evaluateEvery: whole(1, 1, 'epochs between evaluations'),
  ...loading,
});

/** Settings of `espalier search method=ladder` and `espalier auto`. */
export const ladderSchema = z.strictObject({
  data: text('folder or YAML file of the data set'),
  method: setting(z.literal('ladder').default('ladder'), 'ladder', 'search method'),
  ...run,
  seed: machine.seed,
  device: machine.device,
  threads: whole(1, 1, 'threads of a training'),
  processes: whole(0, 0, 'trainings at a time, each a process; 0 takes one for each core that is free'),
  minutes: positive(60, 'time for everything: the race, the trainings of the finalists, their scores'),
  ...networkBudget,
  candidates: setting(
    z.int().min(3).max(243).optional(),
    'a whole number from 3 to 243',
    'networks in the first rung; by default as many as the time allows, 6 to 27',
  ),
  steps: setting(
    z.int().min(2).optional(),
    'a whole number from 2',
    'steps of the first rung; the others follow from it. By default what the time allows; with it `minutes` limits nothing',
  ),
  from: setting(
    z
      .union([
        z
          .string()
          .min(1)
          .transform((names) => names.split(',').map((name) => name.trim())),
        z.array(z.string().min(1)),
      ])
      .default([]),
    'runs of search or architecture files, separated by commas',
    'architectures that take part beside the hand-made and the random ones',
  ),
  training: setting(
    z.record(z.string(), z.unknown()).default({}),
    'settings of train',
    'recipe of every training; what is not given here is derived from the data',
  ),
});

const postprocess = choice(
  ['none', 'crf'],
  'none',
  'crf: a fully connected CRF refines the probabilities of the network, see crf.*',
);
const deviations = (value: number, description: string) =>
  setting(
    z.union([z.number().positive(), z.array(z.number().positive()).min(2).max(3)]).default(value),
    'a number above 0, or one for each axis',
    description,
  );
/** The CRF of one image; the defaults are those of the public code of DeepLabv2 for PASCAL VOC. */
const crfKeys = {
  iterations: whole(1, 10, 'iterations of the mean field'),
  appearance: group({
    weight: notNegative(4, 'weight of the appearance kernel, between pixels that are near and look alike; 0 is none'),
    position: deviations(67, 'of the appearance kernel: standard deviation of positions in pixels or voxels'),
    intensity: setting(
      z.number().positive().optional(),
      'a number above 0',
      'of the appearance kernel: standard deviation of colours from 0 to 255 (default 3), of volumes of prepared intensities (default 0.1)',
    ),
  }),
  smoothness: group({
    weight: notNegative(3, 'weight of the smoothness kernel, between pixels that are near; 0 is none'),
    position: deviations(1, 'of the smoothness kernel: standard deviation of positions in pixels or voxels'),
  }),
  exact: switched(false, 'sum over all pairs of pixels instead of filtering; for at most 4,096 pixels'),
};
const tunedCrf = group({
  ...crfKeys,
  tune: switched(false, 'find both weights on a small grid, on other samples than those that are scored'),
  tuneOn: optionalText(
    'of crf.tune: split to find them on; by default val, and train where val is scored. It may not be the one that is scored',
  ),
  tuneSamples: whole(1, 12, 'of crf.tune: samples to find them on, spread over the split'),
});

/** Settings of `espalier compare`; all others are those of the trainings. */
export const compareSchema = z.strictObject({
  archs: setting(
    z
      .union([
        z
          .string()
          .min(1)
          .transform((names) => names.split(',').map((name) => name.trim())),
        z.array(z.string()),
      ])
      .pipe(
        z
          .array(z.string().min(1))
          .min(1)
          .refine((names) => new Set(names).size === names.length),
      ),
    'different architectures, separated by commas',
    'what is compared: architecture files, runs, names in the registry',
  ),
  budget: setting(
    z.string().regex(/^\d+(\.\d+)? ?(steps?|min|minutes?)$/),
    'such as 400steps or 15min',
    'what every training may use',
  ),
  seeds: whole(1, 2, 'trainings of each architecture, with seeds from 0'),
  multiplyAdds: setting(
    z.number().positive().optional(),
    'a number above 0',
    'at most so many multiply-adds of one crop: budget.multiplyAdds with the crop as size',
  ),
  measureLatency: switched(
    false,
    'also measures the milliseconds of an inference of one crop with each architecture, by the engine on `threads`',
  ),
  measureMemory: switched(
    false,
    'also measures the memory of a training step of each architecture, in a process of its own',
  ),
  postprocess,
  crf: tunedCrf,
  name: setting(
    z.string().min(1).default('comparison'),
    'a string',
    'name of the comparison; the same name resumes it',
  ),
  runs: run.runs,
});

const testTimeAugmentation = group({
  scales: setting(
    z.array(z.number().positive()).min(1).default([1]),
    'a list of numbers above 0',
    'scales whose softmax is averaged',
  ),
  flip: switched(false, 'average with the horizontal flip: short for mirror=[width]'),
  mirror: setting(
    z.array(z.enum(['depth', 'height', 'width'])).default([]),
    'a list of depth, height, width',
    'axes to mirror along in all combinations: their softmax is averaged',
  ),
});
const checkpoint = choice(['best', 'last'], 'best', 'which weights of the run');
const window = setting(
  sides.optional(),
  'a whole number or a list, one for each axis',
  'sides of the sliding window; by default images are read as a whole and volumes by the crop of the training',
);

/** Settings of `espalier evaluate`. */
export const evaluateSchema = z.strictObject({
  run: text('run to evaluate'),
  data: optionalText('folder or YAML file of the data set; the one of the run by default'),
  split: setting(z.string().min(1).default('val'), 'a string', 'part of the data set'),
  name: optionalText('name of the evaluation, a folder below evaluations/ of the run; data and split by default'),
  checkpoint,
  device: machine.device,
  threads: machine.threads,
  tta: testTimeAugmentation,
  window,
  overlap,
  postprocess,
  crf: tunedCrf,
  toleranceMm: notNegative(1, 'of volumes: distance within which surfaces count as equal'),
});

/** Settings of `espalier predict`; the images are positional arguments. */
export const predictSchema = z.strictObject({
  run: text('run to predict with'),
  checkpoint,
  output: optionalText('folder for the predictions; predictions/ in the run, or beside the model, by default'),
  device: machine.device,
  threads: machine.threads,
  tta: testTimeAugmentation,
  window,
  overlap,
  postprocess,
  crf: group(crfKeys),
  overlay: share(0.5, 'opacity of the classes over the image'),
  submission: switched(false, 'write the ids that the benchmark of the data set expects, instead of class indices'),
});

/** Settings of `espalier export`. */
export const exportSchema = z.strictObject({
  run: text('run to export'),
  format: choice(
    ['onnx', 'safetensors'],
    'onnx',
    'onnx: one file to run anywhere; safetensors: a folder for a model hub, with weights, model card and ONNX',
  ),
  output: optionalText('file (onnx) or folder (safetensors); in export/ of the run by default'),
  checkpoint,
  size: setting(
    z.union([z.literal('dynamic'), z.array(z.int().min(1)).min(2).max(3)]).default('dynamic'),
    'dynamic, [height, width] or [depth, height, width]',
    'size of the input; dynamic takes any',
  ),
  batch: setting(
    z.union([z.literal('dynamic'), z.int().min(1)]).default('dynamic'),
    'dynamic or a whole number from 1',
    'images at a time; dynamic takes any number',
  ),
  precision: choice(['float32', 'float16'], 'float32', 'precision of the weights and the computation'),
  normalise: switched(
    false,
    'the model takes bytes [batch, height, width, 3] instead of [batch, 3, height, width] in [-1, 1]',
  ),
  result: choice(['logits', 'softmax', 'argmax'], 'logits', 'output: scores, probabilities or class ids'),
  budget: networkBudget.budget,
  target: networkBudget.target,
  license: setting(z.string().min(1).default('unknown'), 'a string', 'license of the weights, for the model card'),
  threads: machine.threads,
});

/** Trusted settings, defaults filled in; `method` distinguishes searches. */
export type SearchConfig = z.output<typeof autoDeepLabSearchSchema> | z.output<typeof dintsSearchSchema>;
export type TrainConfig = z.output<typeof trainSchema>;
export type LadderConfig = z.output<typeof ladderSchema>;
export type CompareConfig = z.output<typeof compareSchema>;
export type EvaluateConfig = z.output<typeof evaluateSchema>;
export type CrfConfig = EvaluateConfig['crf'];
export type PredictConfig = z.output<typeof predictSchema>;
export type ExportConfig = z.output<typeof exportSchema>;
