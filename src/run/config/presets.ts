/**
 * @file Named sets of settings for every command: where to start. A preset holds only what differs from the defaults.
 */
import type { Settings } from './config.ts';
import { compareSchema } from './schemas/compare.ts';
import { evaluateSchema } from './schemas/evaluate.ts';
import { exportSchema } from './schemas/export.ts';
import { ladderSchema } from './schemas/ladder.ts';
import { predictSchema } from './schemas/predict.ts';
import { autoDeepLabSearchSchema, dintsSearchSchema } from './schemas/search.ts';
import { trainSchema } from './schemas/train.ts';

/**
 * Norms of the authors' code: `batch_norm_decay` 0.9997, which is a momentum of 0.0003, and `batch_norm_epsilon` 0.001 (tensorflow/models,
 * research/deeplab/core/nas_network.py).
 */
const AUTHORS_NORM = { momentum: 0.0003, epsilon: 0.001 } as const;

/** What the trainings of Auto-DeepLab have in common. @paper auto-deeplab section 4.2 */
const PAPER = {
  batch: 16, // the authors' code; the paper does not say
  accumulate: 8, // no influence of the paper: what 24 GiB hold
  optimizer: 'sgd', // section 4.2
  momentum: 0.9, // the authors' code
  learningRate: 0.05, // section 4.2: "initial learning rate of 0.05"
  power: 0.9, // section 4.2: polynomial schedule; its power is that of DeepLab
  decay: 4e-5, // the authors' code
  clip: 0, // the paper mentions no clipping
  norm: AUTHORS_NORM,
  dropPathKeep: 0.8, // table 2: scheduled drop path, which NASNet ends at 0.8
  augmentation: { scale: [0.5, 2], step: 0.25, flip: true }, // the authors' code
  evaluateEvery: 20, // none of the paper's: an evaluation now and then
} as const;

/** CT in Hounsfield units, cut to a window that becomes 0 to 1, at 1 mm. */
const hounsfield = (low: number, high: number) => ({
  spacingMm: [1, 1, 1] as [number, number, number],
  normalisation: [
    { kind: 'window' as const, window: [low, high] as [number, number], mean: low, deviation: high - low },
  ],
});

/**
 * The published search of DiNTS on the Pancreas of the Medical Segmentation Decathlon. Paper: arXiv 2103.15954, section 4. MONAI: its tutorial
 * automl/DiNTS/search_dints.py, by the authors; its names in backticks.
 */
const PANCREAS_SEARCH = {
  epochs: 1430, // MONAI, `num_epochs`: with 112 of 281 volumes in a half and 8 patches a step the paper's 20k iterations
  warmup: 0.5, // MONAI, `num_epochs_warmup` of 715; paper: the first half
  batch: 8, // MONAI: `num_images_per_batch` 1 in each of 8 processes
  crop: 96, // both
  layers: 12, // both, `num_blocks`
  levels: 4, // both, `num_depths`
  width: 0.5, // both, `channel_mul`
  weights: {
    learningRate: 0.025, // paper; the tutorial has 0.0002 and a poly schedule
    schedule: 'steps', // paper: halved at 40 and 80 % after the warm-up
    milestones: [0.4, 0.8],
    factor: 0.5,
    momentum: 0.9, // both
    decay: 4e-5, // both
    clip: 0, // MONAI: gradients are not clipped
  },
  architecture: { learningRate: 0.001 }, // both
  budget: { memory: 0.2 }, // MONAI, `factor_ram_cost`; the paper has 0.2, 0.5 and 0.8. What the share is of differs: docs/budgets.md
  norm: { epsilon: 1e-5 }, // MONAI: the default of PyTorch
  precision: 'bfloat16', // MONAI, `amp`: half precision, float16 there
  foregroundShare: 2 / 3, // MONAI: patches centred on each of 3 classes alike
  preparation: hounsfield(-87, 199), // both
  overlap: 0.625, // MONAI, `overlap_ratio`
  evaluateSamples: 0, // MONAI scores every 60 epochs; here it would be every one
} as const;

/** The published training of DiNTS on the Spleen of the same data: MONAI's tutorial automl/DiNTS/train_dints.py. */
const SPLEEN_TRAINING = {
  epochs: 13_500, // `num_epochs`
  batch: 2, // `num_images_per_batch`, of each process
  perProcess: true, // `learning_rate * world_size`
  optimizer: 'sgd',
  learningRate: 0.025, // `learning_rate`
  schedule: 'steps', // `0.5 ** np.sum(epoch / num_epochs > learning_rate_milestones)`
  milestones: [0.2, 0.4, 0.6, 0.8], // `learning_rate_milestones`
  factor: 0.5,
  momentum: 0.9,
  decay: 4e-5, // `weight_decay`; norms and biases have none here
  clip: 0, // gradients are not clipped
  loss: 'dice-cross-entropy', // DiceCELoss without background; its Dice squares the probabilities, ours does not
  norm: { epsilon: 1e-5 }, // the default of PyTorch
  precision: 'bfloat16', // `amp`: half precision, float16 there
  crop: 96, // `patch_size`
  foregroundShare: 1 / 2, // patches centred on each of 2 classes alike
  preparation: hounsfield(-125, 275), // `ScaleIntensityRanged`, `spacing`
  overlap: 0.5, // `overlap_ratio`
  evaluateEvery: 500, // `num_epochs_per_validation`
} as const;

/** The warm-up of a search is a share of it, or epochs. */
const WARMUP = { base: { warmup: 0.5 }, exclusive: [['warmup', 'warmupEpochs']] } as const;

/** What each command can be set to. */
export const settings = {
  search: {
    schema: autoDeepLabSearchSchema,
    ...WARMUP,
    presets: {
      // A minute or two on two cores: embedded scenes, a short trellis.
      demo: {
        epochs: 5,
        warmup: 0.2,
        batch: 8,
        crop: 65,
        layers: 5,
        filters: 8,
        blocks: 3,
        weights: { learningRate: 0.05 },
        architecture: { learningRate: 0.02 },
        augmentation: { scale: [0.5, 1] },
        evaluateSamples: 16,
      },
      // A few hundred images, some 40 minutes on one core: half resolution, a shorter trellis, and an architecture that learns faster
      // because it has only some hundred steps.
      small: {
        scale: 2,
        epochs: 16,
        warmup: 1 / 3,
        batch: 4,
        crop: [97, 129],
        layers: 8,
        filters: 8,
        blocks: 3,
        weights: { learningRate: 0.05 },
        // Without the paper's decay of 0.001, which in some hundred steps holds the logits near zero: docs/search.md, docs/results.md.
        architecture: { learningRate: 0.02, decay: 0 },
        classWeights: 'sqrt',
        augmentation: { scale: [0.75, 1.5], colour: 0.2 },
        evaluateSamples: 12,
      },
      // Auto-DeepLab, section 4.1: Cityscapes at half resolution. Norms have the statistics of their batch and the epsilon of the authors' networks;
      // the code of the search is not public.
      paper: {
        ...{ epochs: 40, warmup: 0.5, batch: 2, crop: 321, scale: 2, layers: 12, filters: 8, blocks: 5 },
        norm: { epsilon: AUTHORS_NORM.epsilon },
      },
    },
    variants: {
      key: 'method',
      others: {
        dints: {
          schema: dintsSearchSchema,
          ...WARMUP,
          presets: {
            // A minute or two on two cores: embedded scenes, few layers and levels, and logits that move in some dozen steps.
            demo: {
              epochs: 5,
              warmup: 0.2,
              batch: 8,
              crop: 64,
              layers: 4,
              levels: 3,
              width: 0.125,
              architecture: { learningRate: 0.05 },
              augmentation: { scale: [0.5, 1] },
              evaluateSamples: 16,
            },
            // Some hundred small volumes such as those of the hippocampus, some 40 minutes on one core: patches that hold most of a volume, a
            // quarter of the published width, logits that move in some hundred steps.
            'volumes-small': {
              epochs: 18,
              warmup: 1 / 3,
              batch: 2,
              crop: [32, 64, 32],
              layers: 8,
              width: 0.25,
              architecture: { learningRate: 0.02 },
              augmentation: { flip: false },
              evaluateSamples: 8,
            },
            'paper-pancreas': PANCREAS_SEARCH,
          },
        },
      },
    },
  },
  train: {
    schema: trainSchema,
    base: { epochs: 100, warmup: 0 },
    exclusive: [
      ['epochs', 'steps', 'minutes'],
      ['warmup', 'warmupSteps'],
    ],
    presets: {
      // A minute or two on two cores.
      demo: {
        steps: 400,
        batch: 8,
        crop: 97,
        filters: 12,
        stem: [16, 16, 32],
        aspp: { filters: 48 },
        decoder: { filters: 48, lowLevel: 16 },
        optimizer: 'adamw',
        learningRate: 0.004,
        decay: 0.01,
        warmup: 0.05,
        ema: 0.98,
        augmentation: { scale: [0.75, 1.5] },
        evaluateEvery: 4,
      },
      // A few hundred images, an hour on one core: a narrow network, averaged weights, rare classes weighted up; AdamW needs no
      // tuning of the learning rate.
      small: {
        steps: 2600,
        batch: 8,
        crop: [241, 321],
        filters: 20,
        stem: [32, 32, 64],
        aspp: { filters: 96 },
        decoder: { filters: 64, lowLevel: 32 },
        optimizer: 'adamw',
        learningRate: 0.002,
        decay: 0.01,
        warmup: 1 / 26,
        dropPathKeep: 0.9,
        ema: 0.995,
        classWeights: 'sqrt',
        augmentation: { scale: [0.75, 1.5], colour: 0.2 },
        evaluateEvery: 5,
      },
      // Some hundred small volumes such as those of the hippocampus, meant for an hour on two cores with its evaluations: patches that hold
      // most of a volume, a narrow network, averaged weights. Nothing is mirrored: where front and back are classes, that would swap them.
      'volumes-small': {
        minutes: 50,
        batch: 4,
        crop: [32, 64, 32],
        filters: 16,
        optimizer: 'adamw',
        learningRate: 0.002,
        decay: 0.01,
        warmup: 0.04,
        ema: 0.995,
        augmentation: { flip: false },
        evaluateEvery: 10,
      },
      // The published training on each data set; the architecture is auto-deeplab-s, -m or -l. Batches of 16 are computed in parts, which fit
      // into 24 GiB; norms then see the images of a part.
      'paper-cityscapes': { ...PAPER, steps: 1_500_000, crop: 769 }, // section 4.2.1: 1.5M iterations, 769 x 769
      'paper-voc': { ...PAPER, steps: 1_500_000, crop: 513 }, // section 4.2.2: 1.5M iterations, 513 x 513
      // The published training of DiNTS; the architecture is dints-cvpr2021.
      'paper-spleen': SPLEEN_TRAINING,
      // Section 4.2.3: 4M iterations at 513 x 513, of images whose longer side is 513.
      'paper-ade20k': { ...PAPER, steps: 4_000_000, crop: 513, longSide: 513 },
    },
  },
  auto: { schema: ladderSchema },
  compare: { schema: compareSchema },
  evaluate: { schema: evaluateSchema },
  predict: { schema: predictSchema },
  export: {
    schema: exportSchema,
    // What a page needs: no arithmetic of its own before and after, a small file.
    presets: { web: { normalise: true, result: 'argmax', weights: 'float16' } },
  },
} as const satisfies Record<string, Settings>;

/** The preset of training of the same name as one of search; undefined where there is none. */
export const trainPreset = (preset: string | undefined): string | undefined =>
  preset !== undefined && Object.hasOwn(settings.train.presets, preset) ? preset : undefined;
