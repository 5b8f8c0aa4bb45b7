/** @file Windows against what whole inputs give, at both ranks; how they lie; mirrored views. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { standardPreparation } from '../../src/data/volumes/preparation.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { fromArray, keepForever, scope, type Tensor } from '../../src/engine/tensor.ts';
import { infer, mirrored, type SpatialAxis } from '../../src/infer/inference.ts';
import { gaussianWeights, slidingBands, slidingWindow, windowStarts } from '../../src/infer/slidingWindow.ts';
import { inferenceOptions } from '../../src/jobs/settings.ts';
import { parseConfig } from '../../src/run/config/config.ts';
import { settings as runSettings } from '../../src/run/config/presets.ts';
import { largestDifference } from '../helpers/tensors.ts';

const generator = new Generator(4);
const random = (shape: readonly number[]) => op.randn(shape, generator.id);

/** The largest difference of two tensors of the same shape. */
function distance(a: Tensor, b: Tensor): number {
  expect(a.shape).toEqual(b.shape);
  return largestDifference(a.numbers(), b.numbers());
}

const axis = fc.record({ length: fc.integer({ min: 1, max: 12 }), window: fc.integer({ min: 1, max: 8 }) });
const places = fc
  .record({ axes: fc.array(axis, { minLength: 2, maxLength: 3 }), overlap: fc.constantFrom(0, 0.25, 0.5, 0.7) })
  .map(({ axes, overlap }) => ({
    size: axes.map(({ length }) => length),
    window: axes.map(({ window }) => window),
    overlap,
  }));

describe('windows', () => {
  it('begin at 0, end flush, lie inside, overlap as asked and are as few as that allows', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 90 }),
        fc.nat(90),
        (length, window, p) => {
          const overlap = p / 100;
          const starts = windowStarts(length, window, overlap);
          if (window >= length) {
            expect(starts).toEqual([0]);
            return;
          }
          expect([starts[0], starts.at(-1)]).toEqual([0, length - window]);
          const step = Math.max(1, window * (1 - overlap));
          const gaps = starts.slice(1).map((start, i) => start - starts[i]);
          for (const gap of gaps) expect(gap).toBeLessThanOrEqual(Math.ceil(step));
          expect((starts.length - 2) * step).toBeLessThan(length - window);
        },
      ),
    );
    expect(windowStarts(10, 4, 0.5)).toEqual([0, 2, 4, 6]);
    expect(() => windowStarts(10, 4, 1)).toThrow(/overlap 1/);
  });

  it('weigh by a Gaussian of an eighth of the side, symmetric and positive everywhere', () => {
    const weights = gaussianWeights([3, 4]);
    const at = (i: number, j: number) => Math.exp(-0.5 * (((i - 1) / 0.375) ** 2 + ((j - 1.5) / 0.5) ** 2));
    for (const [k, weight] of weights.entries()) expect(weight).toBeCloseTo(at(Math.floor(k / 4), k % 4), 6);
    for (const window of [
      [128, 96, 64],
      [1024, 512],
    ])
      expect(Math.min(...thinned(gaussianWeights(window)))).toBeGreaterThan(0);
  });

  it('where one holds the whole input give exactly what the network gives', () => {
    const network = (x: Tensor) => op.softmax(op.concat([x, op.scale(x, -2)], 1), 1);
    for (const size of [
      [5, 7],
      [4, 5, 6],
    ]) {
      const images = random([2, 1, ...size]);
      expect(slidingWindow(network, images, { window: size }).numbers()).toEqual(network(images).numbers());
    }
  });

  it('of a pointwise network give what the whole input gives', () => {
    fc.assert(
      fc.property(places, ({ size, window, overlap }) => {
        scope(() => {
          const images = random([2, 2, ...size]);
          const network = (x: Tensor) => op.softmax(op.concat([x, op.scale(x, 3)], 1), 1);
          const found = slidingWindow(network, images, { window, overlap });
          expect(distance(found, network(images))).toBeLessThan(1e-5);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('see a smaller input in the middle of zeros', () => {
    const seen: number[] = [];
    const network = (x: Tensor) => {
      seen.push(...x.numbers());
      return x;
    };
    const found = slidingWindow(network, fromArray([1, 2, 3, 4], [1, 1, 2, 2]), { window: [3, 4] });
    expect(seen).toEqual([0, 1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0]);
    expect(found.numbers()).toEqual([1, 2, 3, 4]);
  });

  it('average by their weights where they overlap', () => {
    // The k-th window says k everywhere.
    let windows = 0;
    const network = (x: Tensor) => op.addNumber(op.scale(x, 0), ++windows);
    const found = slidingWindow(network, random([1, 1, 6, 2]), { window: [4, 2] }).numbers();
    const line = [0, 1, 2, 3].map((i) => Math.exp(-0.5 * ((i - 1.5) / 0.5) ** 2));
    const expected = [1, 1, ...[0, 1].map((i) => (line[i + 2] + 2 * line[i]) / (line[i + 2] + line[i])), 2, 2];
    expect(windows).toBe(2);
    for (const [i, value] of found.entries()) expect(value).toBeCloseTo(expected[Math.floor(i / 2)], 5);
  });

  it('hand out bands in order, and read no more than a window at a time', () => {
    const images = random([1, 1, 20, 9]);
    const read: number[][] = [];
    const rows: number[] = [];
    const parts: Tensor[] = [];
    slidingBands(
      (x) => x,
      {
        size: [20, 9],
        read(start, size) {
          read.push([...size]);
          return size.reduce((x, side, i) => op.slice(x, i + 2, start[i], start[i] + side), images);
        },
      },
      { window: [8, 8] },
      (first, band) => {
        rows.push(first);
        parts.push(band);
      },
    );
    expect(rows).toEqual([0, 4, 8, 12]);
    expect(parts.map(({ shape }) => shape[2])).toEqual([4, 4, 4, 8]);
    expect(read).toEqual(Array(8).fill([8, 8]));
    expect(distance(op.concat(parts, 2), images)).toBeLessThan(1e-5);
  });

  it.each([2, 3])('shared out among %i processes give each the whole result', (size) => {
    fc.assert(
      fc.property(places, ({ size: sides, window, overlap }) =>
        scope(() => {
          const images = random([1, 2, ...sides]);
          let windows = 0;
          const network = (x: Tensor) => {
            windows++;
            return op.softmax(op.multiply(x, x), 1);
          };
          const expected = slidingWindow(network, images, { window, overlap });
          const all = windows;
          windows = 0;
          // The others first: what they bring to each meeting; then the first one, who adds it to its own.
          const brought = Array.from({ length: size - 1 }, (_, other) => {
            const sums: Tensor[] = [];
            const average = (tensors: readonly Tensor[]) => void sums.push(...tensors.map(op.clone).map(keepForever));
            slidingWindow(network, images, { window, overlap, among: { rank: other + 1, size, average } });
            return sums;
          });
          let meetings = 0;
          const average = ([own]: readonly Tensor[]) => {
            const sum = brought.map((sums) => sums[meetings]).reduce(op.add, own);
            op.copyInto(own, op.scale(sum, 1 / size));
            meetings++;
          };
          const shared = slidingWindow(network, images, { window, overlap, among: { rank: 0, size, average } });
          expect(distance(shared, expected)).toBeLessThan(1e-5);
          for (const sums of brought) expect(sums).toHaveLength(meetings);
          // Each window once, or, where a band has fewer than there are processes, once for each.
          expect(windows).toBe(meetings > 0 ? all : all * size);
          for (const sum of brought.flat()) sum.free();
        }),
      ),
      { numRuns: 40 },
    );
  });

  it('refuse a window of another rank', () => {
    expect(() => slidingWindow((x) => x, random([1, 1, 4, 4]), { window: [2, 2, 2] })).toThrow(/3 sides.*2 axes/);
  });
});

describe('mirrored views', () => {
  /** A network that is not symmetric along any axis. */
  const lopsided = (x: Tensor) =>
    op.concat([x, x.shape.slice(2).reduce((y, side, i) => op.pad(op.slice(y, i + 2, 1, side), pairsFor(x, i)), x)], 1);
  const pairsFor = (x: Tensor, i: number) => [...Array(2 * (x.shape.length - 3 - i)).fill(0), 0, 1];
  const cases: [SpatialAxis[], number[]][] = [
    [['width'], [4, 5]],
    [
      ['height', 'width'],
      [4, 5],
    ],
    [
      ['depth', 'height', 'width'],
      [3, 4, 5],
    ],
    [['depth'], [3, 4, 5]],
  ];

  it.each(cases)('along %j commute with mirroring the input, and average 2^n softmaxes', (axes, size) => {
    const images = random([1, 1, ...size]);
    const along = axes.map((name) => size.length + 2 - ['width', 'height', 'depth'].indexOf(name) - 1);
    const plain = mirrored(lopsided, axes)(images);
    for (const one of along) {
      const turned = op.flip(mirrored(lopsided, axes)(op.flip(images, [one])), [one]);
      expect(distance(turned, plain)).toBeLessThan(1e-6);
    }
    let views = 0;
    mirrored((x) => {
      views++;
      return lopsided(x);
    }, axes)(images);
    expect(views).toBe(2 ** axes.length);
  });

  it('and windows and scales work together', () => {
    const images = random([1, 1, 9, 11]);
    const scores = infer(lopsided, images, { scales: [1, 0.5], mirror: ['height'], window: { window: [6, 6] } });
    expect(scores.shape).toEqual([1, 2, 9, 11]);
    for (const total of op.sumOver(scores, [1]).numbers()) expect(total).toBeCloseTo(1, 5);
  });

  it('refuses to mirror the depth of a picture', () => {
    expect(() => mirrored(lopsided, ['depth'])(random([1, 1, 4, 4]))).toThrow(/no depth/);
  });
});

describe('settings of evaluate and predict', () => {
  const read = (settings: object) => parseConfig(runSettings.evaluate, [{ run: 'r', ...settings }]);

  const volumes = {
    modalities: ['MRI'],
    preparation: standardPreparation(['MRI']),
    window: [8, 9, 10],
    largestComponents: [],
  };

  it('become options of inference; flip is a mirrored width, one number a cube', () => {
    expect(inferenceOptions(read({}), {})).toEqual({ scales: [1], mirror: [] });
    expect(inferenceOptions(read({ tta: { flip: true, mirror: ['height', 'width'] } }), {}).mirror).toEqual([
      'height',
      'width',
    ]);
    expect(inferenceOptions(read({ 'tta.flip': true, window: 32 }), { volumes })).toEqual({
      scales: [1],
      mirror: ['width'],
      window: { window: [32, 32, 32], overlap: 0.5 },
    });
    expect(inferenceOptions(read({ window: [8, 9], overlap: 0 }), {}).window).toEqual({ window: [8, 9], overlap: 0 });
    expect(inferenceOptions(read({}), { volumes }).window).toEqual({ window: [8, 9, 10], overlap: 0.5 });
    expect(() => inferenceOptions(read({ window: [8, 9] }), { volumes })).toThrow(/2 sides.*volumes take/);
    expect(() => read({ tta: { mirror: ['left'] } })).toThrow(/mirror/);
  });
});

/** Every 97th value: enough of millions. */
const thinned = (values: Float32Array) => values.filter((_, i) => i % 97 === 0 || i === values.length - 1);
