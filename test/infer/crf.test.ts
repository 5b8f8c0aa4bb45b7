/** @file The fully connected CRF: exact sums against plain loops, the filters against exact sums, energies, shapes of all kinds, refusals. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rangeOf } from '../../src/base/lists.ts';
import { operator } from '../../src/engine/call.ts';
import { Generator, threads } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { fromArray, scope, type Tensor } from '../../src/engine/tensor.ts';
import { type CrfOptions, MOST_EXACT, refine, refineWithEnergies } from '../../src/infer/crf/crf.ts';
import { bruteForce, crfSample } from '../helpers/crf.ts';

const OPTIONS: CrfOptions = {
  iterations: 5,
  appearance: { weight: 4, position: 6, intensity: 0.2 },
  smoothness: { weight: 2, position: 1.5 },
};
const EXACT: CrfOptions = { ...OPTIONS, exact: true };

const distances = (a: Tensor, b: readonly number[]) => a.numbers().map((value, i) => Math.abs(value - b[i]));
const largest = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b), 0);
const meanOf = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const labelsOf = (marginals: Tensor) => op.argmax(marginals, 1).numbers();

/** Kernels as they may be set. */
const kernels = fc.record({
  iterations: fc.integer({ min: 1, max: 6 }),
  appearance: fc.record({
    weight: fc.double({ min: 0, max: 8, noNaN: true }),
    position: fc.double({ min: 1, max: 40, noNaN: true }),
    intensity: fc.double({ min: 0.1, max: 1, noNaN: true }),
  }),
  smoothness: fc.record({
    weight: fc.double({ min: 0, max: 4, noNaN: true }),
    position: fc.tuple(fc.double({ min: 0.5, max: 4, noNaN: true }), fc.double({ min: 0.5, max: 4, noNaN: true })),
  }),
});

describe('on images of 12 x 12', () => {
  const images = fc.record({
    seed: fc.nat(1000),
    classes: fc.integer({ min: 1, max: 5 }),
    channels: fc.integer({ min: 1, max: 4 }),
  });

  it('exact sums are those of plain loops to 1e-5, energies too', () => {
    fc.assert(
      fc.property(images, kernels, (image, options) => {
        scope(() => {
          const { probabilities, images } = crfSample({ ...image, size: [12, 12] });
          const { marginals, energies } = refineWithEnergies(probabilities, images, { ...options, exact: true });
          const expected = bruteForce(probabilities, images, options);
          expect(largest(distances(marginals, expected.marginals))).toBeLessThan(1e-5);
          for (const [i, energy] of energies[0].entries()) expect(energy).toBeCloseTo(expected.energies[i], 6);
        });
      }),
      { numRuns: 10, seed: 7 },
    );
  }, 60_000);

  it('energies of exact sums never rise, those of the filters not on average', () => {
    const rises: number[][] = [];
    fc.assert(
      fc.property(images, kernels, (image, options) => {
        scope(() => {
          const { probabilities, images } = crfSample({ ...image, size: [12, 12] });
          const [exact, filtered] = [true, false].map(
            (exact) => refineWithEnergies(probabilities, images, { ...options, exact, iterations: 6 }).energies[0],
          );
          for (let i = 0; i < 6; i++) expect(exact[i + 1] - exact[i]).toBeLessThan(1e-6 * Math.abs(exact[i]) + 1e-9);
          rises.push(filtered.slice(1).map((energy, i) => (energy - filtered[i]) / 144));
        });
      }),
      { numRuns: 40, seed: 7 },
    );
    for (let i = 0; i < 6; i++) expect(meanOf(rises.map((one) => one[i]))).toBeLessThan(1e-6);
  }, 60_000);

  it('the smoothness filter is exact to rounding', () => {
    for (let seed = 0; seed < 10; seed++)
      scope(() => {
        const { probabilities, images } = crfSample({ classes: 4, channels: 3, size: [12, 12], seed });
        const alone = { ...OPTIONS, appearance: { ...OPTIONS.appearance, weight: 0 } };
        const exact = refine(probabilities, images, { ...alone, exact: true });
        expect(largest(distances(refine(probabilities, images, alone), exact.numbers()))).toBeLessThan(2e-6);
      });
  });

  // What docs/crf.md states.
  it.each([
    ['two regions, five iterations', OPTIONS, false, 0.03, 0.0005],
    ['two regions, one iteration', { ...OPTIONS, iterations: 1 }, false, 0.03, 0.005],
    ['noise, one iteration', { ...OPTIONS, iterations: 1 }, true, 0.25, 0.01],
  ])(
    'the lattice comes near exact sums: %s',
    (_, options, isNoise, worst, mean) => {
      const off: number[] = [];
      const same: number[] = [];
      for (let seed = 0; seed < 40; seed++)
        scope(() => {
          const image = { classes: 4, channels: 1 + (seed % 3), size: [12, 12], seed };
          const { probabilities, images: regions } = crfSample(image);
          const images = isNoise ? op.scale(op.randn(regions.shape, new Generator(seed).id), 0.3) : regions;
          const exact = refine(probabilities, images, { ...options, exact: true });
          const filtered = refine(probabilities, images, options);
          off.push(...distances(filtered, exact.numbers()));
          const labels = labelsOf(exact);
          same.push(...labelsOf(filtered).map((label, i) => (label === labels[i] ? 1 : 0)));
        });
      expect(largest(off)).toBeLessThan(worst);
      expect(meanOf(off)).toBeLessThan(mean);
      expect(meanOf(same)).toBeGreaterThan(0.98);
    },
    60_000,
  );

  it('clears noise within regions that look alike and keeps their border', () => {
    const { probabilities, images } = crfSample({ classes: 3, channels: 3, size: [24, 24] });
    const truth = Array.from({ length: 24 * 24 }, (_, pixel) => ((pixel % 24) * 2 < 24 ? 0 : 1));
    const accuracy = (labels: number[]) => meanOf(labels.map((label, i) => (label === truth[i] ? 1 : 0)));
    const before = accuracy(labelsOf(probabilities));
    const after = accuracy(labelsOf(refine(probabilities, images, OPTIONS)));
    expect(before).toBeLessThan(0.85);
    expect(after).toBeGreaterThan(0.99);
  });
});

describe('every shape', () => {
  const shapes = fc.record({
    batch: fc.integer({ min: 1, max: 2 }),
    classes: fc.integer({ min: 1, max: 19 }),
    channels: fc.integer({ min: 1, max: 5 }),
    size: fc.oneof(
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 3 }),
      fc.tuple(fc.constant(1), fc.integer({ min: 1, max: 40 })),
      fc.tuple(fc.integer({ min: 1, max: 40 }), fc.constant(1)),
    ),
    seed: fc.nat(100),
  });
  const plain = { ...OPTIONS, smoothness: { weight: 2, position: 1.5 } };

  it('gives marginals: positive, summing to one, of each sample as if it were alone, exact ones near', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        scope(() => {
          const { probabilities, images } = crfSample(shape);
          const marginals = refine(probabilities, images, plain);
          expect(marginals.shape).toEqual(probabilities.shape);
          const sums = op.sumOver(marginals, [1]).numbers();
          expect(largest(sums.map((sum) => Math.abs(sum - 1)))).toBeLessThan(1e-5);
          expect(rangeOf(marginals.numbers())[0]).toBeGreaterThanOrEqual(0);
          for (let i = 0; i < shape.batch; i++) {
            const [p, x] = [probabilities, images].map((all) => op.contiguous(op.slice(all, 0, i, i + 1)));
            expect(refine(p, x, plain).numbers()).toEqual(op.slice(marginals, 0, i, i + 1).numbers());
          }
          const exact = refine(probabilities, images, { ...plain, exact: true });
          expect(meanOf(distances(marginals, exact.numbers()))).toBeLessThan(0.02);
        });
      }),
      { numRuns: 60, seed: 3 },
    );
  }, 60_000);

  it('is the same on any number of threads, and nearly so on every instruction set', () => {
    const { probabilities, images } = crfSample({ classes: 11, channels: 3, size: [150, 130] });
    const options = { ...OPTIONS, appearance: { ...OPTIONS.appearance, position: 20, intensity: 0.05 } };
    const before = threads();
    const [one, two] = [1, 2].map((count) => {
      threads(count);
      return refine(probabilities, images, options).numbers();
    });
    threads(before);
    expect(one).toEqual(two);
    const sets = operator('espalier::instruction_set');
    try {
      for (const set of ['portable', 'avx2', 'avx512']) {
        try {
          sets.plain(set);
        } catch {
          continue; // this machine has it not
        }
        expect(largest(distances(refine(probabilities, images, options), one)), set).toBeLessThan(1e-3);
      }
    } finally {
      sets.plain('best');
    }
  });

  it('of one class is all ones', () => {
    const { probabilities, images } = crfSample({ classes: 1, channels: 3, size: [5, 7] });
    for (const options of [OPTIONS, EXACT])
      expect(new Set(refine(probabilities, images, options).numbers())).toEqual(new Set([1]));
  });

  it('without weights, or iterations, gives the probabilities', () => {
    const { probabilities, images } = crfSample({ classes: 4, channels: 3, size: [9, 8] });
    const alone = {
      ...OPTIONS,
      appearance: { ...OPTIONS.appearance, weight: 0 },
      smoothness: { ...OPTIONS.smoothness, weight: 0 },
    };
    for (const exact of [false, true])
      for (const options of [
        { ...alone, exact },
        { ...OPTIONS, iterations: 0, exact },
      ])
        expect(largest(distances(refine(probabilities, images, options), probabilities.numbers()))).toBeLessThan(1e-6);
  });
});

describe('a pixel without evidence', () => {
  it.each([
    ['zeros', 0],
    ['no numbers', Number.NaN],
  ])('(%s) is as uncertain as one whose classes are all the same, and follows what looks like it', (_, value) => {
    const { probabilities, images } = crfSample({ classes: 3, channels: 3, size: [12, 12] });
    const [empty, even] = [value, 1 / 3].map((one) => {
      const values = Float32Array.from(probabilities.numbers());
      for (let k = 0; k < 3; k++) for (const pixel of [0, 5, 40]) values[k * 144 + pixel] = one;
      return fromArray(values, [1, 3, 12, 12]);
    });
    for (const options of [OPTIONS, EXACT]) {
      const marginals = refine(empty, images, options);
      expect(largest(distances(marginals, refine(even, images, options).numbers()))).toBeLessThan(1e-5);
      // Left of the middle the first class is the likeliest.
      expect(labelsOf(marginals).filter((_, pixel) => [0, 5, 40].includes(pixel))).toEqual([0, 0, 0]);
    }
  });

  it('does not spoil an image that has no evidence at all', () => {
    const { images } = crfSample({ classes: 3, channels: 3, size: [6, 6] });
    const nothing = op.zeros([1, 3, 6, 6]);
    expect(largest(distances(refine(nothing, images, OPTIONS), Array(108).fill(1 / 3)))).toBeLessThan(1e-6);
  });
});

describe('refuses', () => {
  const { probabilities, images } = crfSample({ classes: 3, channels: 3, size: [6, 8] });
  const with_ = (change: Partial<CrfOptions>) => () => refine(probabilities, images, { ...OPTIONS, ...change });

  it('exact sums over many pixels', () => {
    const large = crfSample({ classes: 2, channels: 1, size: [65, 64] });
    expect(() => refine(large.probabilities, large.images, EXACT)).toThrow(
      new RegExp(`crf.exact: expected at most ${MOST_EXACT} pixels, got 65 x 64`),
    );
  });

  it('deviations of other axes, and kernels that are none', () => {
    const [appearance, smoothness] = [OPTIONS.appearance, OPTIONS.smoothness];
    expect(with_({ smoothness: { ...smoothness, position: [1, 2, 3] } })).toThrow(
      /3 deviations of positions for 2 axes/,
    );
    expect(with_({ smoothness: { ...smoothness, position: 0 } })).toThrow(/deviations of the smoothness kernel/);
    expect(with_({ appearance: { ...appearance, weight: -1 } })).toThrow(/weight of the appearance kernel/);
    expect(with_({ appearance: { ...appearance, intensity: 1e-8 } })).toThrow(/deviations of/);
    expect(with_({ appearance: { ...appearance, position: 1e-9 } })).toThrow(/a side is more than/);
    expect(with_({ iterations: -1 })).toThrow(/iterations/);
  });

  it('images of another size, or with values that are no numbers', () => {
    expect(() => refine(probabilities, op.zeros([1, 3, 6, 7]), OPTIONS)).toThrow(/an image of the size/);
    expect(() => refine(probabilities, op.full([1, 3, 6, 8], Number.NaN), OPTIONS)).toThrow(/not finite/);
  });
});
