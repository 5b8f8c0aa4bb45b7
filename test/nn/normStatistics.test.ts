import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noGrad } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import { fromArray, scope, type Tensor } from '../../src/engine/tensor.ts';
import { batchNorm, instanceNorm } from '../../src/nn/layers.ts';
import { measureNormStatistics } from '../../src/nn/normStatistics.ts';
import { ParameterSet } from '../../src/nn/parameters.ts';

describe('measured norm statistics', () => {
  it('are those of all batches together, whatever was there and whatever the momentum', () => {
    const value = fc.double({ min: -50, max: 50, noNaN: true });
    const CHANNELS = 2;
    const PIXELS = 4;
    const batches = fc.array(fc.array(value, { minLength: CHANNELS * PIXELS, maxLength: CHANNELS * PIXELS }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(batches, fc.constantFrom(0.1, 0.0003, 1), (images, momentum) => {
        const parameters = new ParameterSet({ generator: new Generator(0).id, device: 'cpu' });
        const norm = batchNorm(parameters, { channels: CHANNELS, momentum });
        const pass = (image: readonly number[], settings: Parameters<typeof norm>[1]) =>
          noGrad(() =>
            scope(() => void norm(fromArray(Float32Array.from(image), [1, CHANNELS, 1, PIXELS], 'float32'), settings)),
          );
        pass(images[0], { training: true });
        const statistics = measureNormStatistics(parameters);
        for (const image of images) statistics?.add((settings) => pass(image, settings));
        statistics?.write();
        statistics?.free();
        const entries = parameters.entries();
        const [means, variances] = ['runningMean', 'runningVariance'].map((name) =>
          (entries.get(name) as Tensor).numbers(),
        );
        for (let c = 0; c < CHANNELS; c++) {
          const rows = images.map((image) => image.slice(c * PIXELS, (c + 1) * PIXELS));
          const average = (list: readonly number[]) => list.reduce((sum, x) => sum + x, 0) / list.length;
          const own = rows.map(average);
          const mean = average(own);
          // Within a batch libtorch divides by n - 1; what lies between batches is added.
          const within = rows.map((row, i) => row.reduce((sum, x) => sum + (x - own[i]) ** 2, 0) / (PIXELS - 1));
          const variance = average(within) + average(own.map((x) => (x - mean) ** 2));
          expect(means[c]).toBeCloseTo(mean, 3);
          expect(Math.abs(variances[c] - variance)).toBeLessThan(1e-3 + 1e-4 * variance);
        }
        parameters.free();
      }),
      { numRuns: 60 },
    );
  });

  it('are never below zero, however rounding falls for channels that are constant', () => {
    fc.assert(
      fc.property(fc.double({ min: -1e4, max: 1e4, noNaN: true }), fc.integer({ min: 2, max: 60 }), (value, passes) => {
        const parameters = new ParameterSet({ generator: new Generator(0).id, device: 'cpu' });
        const norm = batchNorm(parameters, { channels: 1 });
        const statistics = measureNormStatistics(parameters);
        const image = new Float32Array(6).fill(value);
        for (let i = 0; i < passes; i++)
          statistics?.add((settings) => void norm(fromArray(image, [1, 1, 2, 3], 'float32'), settings));
        statistics?.write();
        statistics?.free();
        const [variance] = (parameters.entries().get('runningVariance') as Tensor).numbers();
        expect(variance).toBeGreaterThanOrEqual(0);
        parameters.free();
      }),
    );
  });

  it('are of no concern to norms that keep none', () => {
    const parameters = new ParameterSet({ generator: new Generator(0).id, device: 'cpu' });
    instanceNorm(parameters, { channels: 3 });
    batchNorm(parameters.child('b'), { channels: 3, track: false });
    expect(measureNormStatistics(parameters)).toBeNull();
  });
});
