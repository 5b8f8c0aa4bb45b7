/**
 * @file The settings of `espalier train`.
 */
import { z } from 'zod';
import {
  augmentation,
  classWeights,
  loading,
  machine,
  networkBudget,
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
  from: optionalText(
    'run whose weights to start from, or a safetensors file of another program with `map`; logits go by the names of the classes',
  ),
  map: optionalText(
    'of a `from` that is a file: how its weights are called here, a YAML file or the name of a built-in map, such as torchvision-resnet50',
  ),
  norms: choice(
    ['trained', 'frozen'],
    'trained',
    'trained: norms learn; frozen: they keep scale, shift and statistics of `from`',
  ),
  freeze: setting(
    z.array(z.string().min(1)).default([]),
    'a list of stages, or encoder',
    'stages that keep the weights of `from` and the statistics of their norms; espalier info lists them, encoder stands for all before the head',
  ),
  encoderRate: positive(1, 'factor of the learning rate in the encoder, such as 0.1'),
  layerDecay: setting(
    z.number().gt(0).max(1).default(1),
    'a number above 0 up to 1',
    'factor of the learning rate from each stage of the encoder to the one before it; the head has the whole rate',
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
  warmup: setting(
    z.number().min(0).max(1).optional(),
    'a number from 0 to 1',
    'share of the budget in which the learning rate rises to its first value; default 0',
  ),
  warmupSteps: setting(z.int().min(0).optional(), 'a whole number from 0', 'warm-up in steps, instead of `warmup`'),
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
    'loss; auto takes cross-entropy for images and Dice + cross-entropy for volumes and for regions, where it is binary',
  ),
  teacher: optionalText(
    'network to learn from beside the labels: a run, or an ONNX file of espalier export (which needs onnxruntime-node); it knows the same classes',
  ),
  distillation: group({
    weight: positive(1, 'how much the probabilities of the teacher count beside the loss of the labels'),
    temperature: positive(2, 'what the logits of both are divided by; higher ones make probabilities softer'),
    images: optionalText(
      'of images: folder of images without labels; each step then also learns a batch of them from the teacher, with half of the weight',
    ),
    classes: setting(
      z.array(z.string().min(1)).min(2).optional(),
      'a list of names',
      'classes of a teacher that another program wrote, in the order of its outputs; a model of espalier export knows its own',
    ),
    mean: setting(
      z.tuple([z.number(), z.number(), z.number()]).optional(),
      'three numbers',
      'with distillation.classes: what that teacher subtracts from red, green and blue from 0 to 1; with neither it reads them from -1 to 1',
    ),
    deviation: setting(
      z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]).optional(),
      'three numbers above 0',
      'with distillation.classes: what it then divides by',
    ),
  }),
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
  average: whole(
    1,
    1,
    'average the weights of so many of the best epochs at the end, with norm statistics measured anew; kept where it scores better than the best one',
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
    'of volumes: keep only the largest connected component of every class (or region) whose validation Dice it raises',
  ),
  evaluateEvery: whole(1, 1, 'epochs between evaluations'),
  patience: optionalWhole(
    'end after so many evaluations without a better score; the best weights are kept in any case',
  ),
  ...loading,
});

/** Trusted settings, defaults filled in. */
export type TrainConfig = z.output<typeof trainSchema>;
