/**
 * @file Named sets of settings for every command: where to start. A preset holds only what differs from the defaults.
 */
import type { Settings } from './config.ts';
import { evaluateSchema, predictSchema, searchSchema, trainSchema } from './schemas.ts';

/** What each command can be set to. */
export const settings = {
  search: {
    schema: searchSchema,
    presets: {
      // A minute or two on two cores: embedded scenes, a short trellis.
      demo: {
        epochs: 5,
        warmupEpochs: 1,
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
      // A few hundred pictures, half an hour on two cores: half resolution, a shorter trellis, and an architecture that learns faster
      // because it has only some hundred steps.
      small: {
        scale: 2,
        epochs: 24,
        warmupEpochs: 6,
        batch: 4,
        crop: [97, 129],
        layers: 8,
        filters: 8,
        blocks: 3,
        weights: { learningRate: 0.05 },
        architecture: { learningRate: 0.02 },
        classWeights: 'sqrt',
        augmentation: { scale: [0.75, 1.5], colour: 0.2 },
        evaluateSamples: 12,
      },
      // Auto-DeepLab, section 4.1: Cityscapes at half resolution.
      paper: { epochs: 40, warmupEpochs: 20, batch: 2, crop: 321, scale: 2, layers: 12, filters: 8, blocks: 5 },
    },
  },
  train: {
    schema: trainSchema,
    base: { epochs: 100 },
    exclusive: ['epochs', 'steps', 'minutes'],
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
        warmupSteps: 20,
        ema: 0.98,
        augmentation: { scale: [0.75, 1.5] },
        evaluateEvery: 4,
      },
      // A few hundred pictures, half an hour on two cores: a narrow network, averaged weights, rare classes weighted up; AdamW needs no
      // tuning of the learning rate.
      small: {
        minutes: 25,
        batch: 8,
        crop: [241, 321],
        filters: 16,
        stem: [32, 32, 64],
        aspp: { filters: 96 },
        decoder: { filters: 64, lowLevel: 32 },
        optimizer: 'adamw',
        learningRate: 0.002,
        decay: 0.01,
        warmupSteps: 100,
        dropPathKeep: 0.9,
        ema: 0.995,
        classWeights: 'sqrt',
        augmentation: { scale: [0.75, 1.5], colour: 0.2 },
        evaluateEvery: 5,
      },
      // Auto-DeepLab, section 4.2 and table 2: 1.5M steps, drop path; F = 20, 32, 48 are S, M, L.
      'paper-cityscapes': {
        steps: 1_500_000,
        batch: 16,
        crop: 769,
        filters: 20,
        learningRate: 0.05,
        dropPathKeep: 0.8,
        evaluateEvery: 20,
      },
    },
  },
  evaluate: { schema: evaluateSchema },
  predict: { schema: predictSchema },
} as const satisfies Record<string, Settings>;
