/** @file The published recipes as presets: what the loops get of them. */
import { describe, expect, it } from 'vitest';
import { methodOf } from '../../src/jobs/prepare/methodOf.ts';
import { optionsOf } from '../../src/jobs/prepare/networkOptions.ts';
import { forProcesses, trainSettings } from '../../src/jobs/settings.ts';
import { scheduleOf } from '../../src/nn/schedules.ts';
import { parseConfig } from '../../src/run/config/config.ts';
import { settings } from '../../src/run/config/presets.ts';

const training = (preset: string, layer: object = {}) =>
  parseConfig(settings.train, [{ data: 'none', arch: 'none', preset, ...layer }]);

describe('the training of DiNTS', () => {
  it('begins at 0.025 times the number of processes and halves at 20, 40, 60 and 80 %', () => {
    for (const size of [1, 4]) {
      const config = forProcesses(training('paper-spleen'), { size });
      expect(config.batch).toBe(2 * size);
      const rates = [0, 0.19, 0.21, 0.41, 0.61, 0.81, 1].map(scheduleOf(trainSettings(config, 3)));
      expect(rates).toEqual([1, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 16].map((share) => share * 0.025 * size));
    }
  });

  it('can be changed setting by setting', () => {
    const config = training('paper-spleen', { schedule: 'cosine', perProcess: false, minimumLearningRate: 0.001 });
    expect(forProcesses(config, { size: 4 })).toMatchObject({ batch: 2, learningRate: 0.025 });
    expect(scheduleOf(trainSettings(config, 3))(1)).toBeCloseTo(0.001, 12);
  });
});

describe('a search', () => {
  const rates = (layer: object, shares: readonly number[]) => {
    const config = parseConfig(settings.search, [{ data: 'none', layers: 2, ...layer }]);
    const parameters = { parameters: () => [] };
    const { weights } = methodOf(config).optimise({ weights: parameters, architecture: [] } as never);
    return shares.map(weights.rate);
  };

  it('by DiNTS halves its rate at 40 and 80 % after the warm-up', () => {
    const preset = { method: 'dints', preset: 'paper-pancreas' };
    for (const layer of [preset, { method: 'dints' }])
      expect(rates(layer, [0, 0.5, 0.69, 0.71, 0.91])).toEqual([0.025, 0.025, 0.025, 0.0125, 0.00625]);
  });

  it.each(['auto-deeplab', 'dints'])('by %s takes every schedule', (method) => {
    const poly = { method, weights: { schedule: 'poly', minimumLearningRate: 0 } };
    expect(rates(poly, [0.5])[0]).toBeCloseTo(0.025 * 0.5 ** 0.9, 12);
    const steps = { method, weights: { schedule: 'steps', milestones: [0.2], factor: 0.1 } };
    // A fifth of what follows the warm-up, half of the search.
    expect(rates(steps, [0.59, 0.61])).toEqual([0.025, expect.closeTo(0.0025, 12)]);
    const cosine = { method, weights: { schedule: 'cosine', minimumLearningRate: 0.001 } };
    expect(rates(cosine, [0.5])[0]).toBeCloseTo(0.013, 12);
  });
});

describe('the presets of the paper of Auto-DeepLab', () => {
  const presets = Object.keys(settings.train.presets).filter((name) => /^paper-(cityscapes|voc|ade20k)$/.test(name));

  it.each(presets)('%s has the norms of the authors', (preset) => {
    expect(optionsOf(training(preset), { rank: 2, channels: 3, classes: 19 }).norm).toEqual({
      epsilon: 0.001,
      momentum: 0.0003,
    });
  });

  it('are three, and others have the norms of libtorch', () => {
    expect(presets).toHaveLength(3);
    for (const preset of ['demo', 'small']) expect(training(preset).norm).toEqual({ epsilon: 1e-5, momentum: 0.1 });
  });
});
