/** @file Images with probabilities for tests of the CRF, and its mean field in plain loops. */
import { createRandom } from '../../src/base/random.ts';
import { fromArray, type Tensor } from '../../src/engine/tensor.ts';
import type { CrfOptions } from '../../src/infer/crf/crf.ts';

export interface CrfCase {
  readonly batch?: number;
  readonly classes: number;
  readonly channels: number;
  readonly size: readonly number[];
  readonly seed?: number;
}

/** Images of two flat regions with noise, `[batch, channels, ...size]` in [-1, 1], and probabilities that are noisy about them. */
export function crfSample({ batch = 1, classes, channels, size, seed = 1 }: CrfCase): {
  images: Tensor;
  probabilities: Tensor;
} {
  const random = createRandom(seed, 0xc4f);
  const pixels = size.reduce((a, b) => a * b, 1);
  const images = new Float32Array(batch * channels * pixels);
  const probabilities = new Float32Array(batch * classes * pixels);
  const width = size[size.length - 1];
  for (let sample = 0; sample < batch; sample++)
    for (let pixel = 0; pixel < pixels; pixel++) {
      const region = (pixel % width) * 2 < width ? 0 : 1;
      for (let c = 0; c < channels; c++)
        images[(sample * channels + c) * pixels + pixel] = (region - 0.5) * 0.8 + (random.uniform() - 0.5) * 0.2;
      const scores = Array.from({ length: classes }, (_, k) => Math.exp(2 * random.uniform() + (k === region ? 1 : 0)));
      const sum = scores.reduce((a, b) => a + b, 0);
      for (const [k, score] of scores.entries()) probabilities[(sample * classes + k) * pixels + pixel] = score / sum;
    }
  return {
    images: fromArray(images, [batch, channels, ...size]),
    probabilities: fromArray(probabilities, [batch, classes, ...size]),
  };
}

const allSides = (position: number | readonly number[], axes: number) =>
  typeof position === 'number' ? Array<number>(axes).fill(position) : position;

/** Mean field as the formulas say, pair by pair, of one sample; values `[classes, pixels]`. */
export function bruteForce(probabilities: Tensor, images: Tensor, options: CrfOptions) {
  const { iterations, appearance, smoothness } = options;
  const [, classes, ...size] = probabilities.shape;
  const channels = images.shape[1];
  const pixels = size.reduce((a, b) => a * b, 1);
  const [p, image] = [probabilities.numbers(), images.numbers()];
  const place = (pixel: number) => {
    const at: number[] = [];
    for (let axis = size.length - 1, rest = pixel; axis >= 0; rest = Math.floor(rest / size[axis]), axis--)
      at[axis] = rest % size[axis];
    return at;
  };
  const kernelOf = (feature: (pixel: number) => number[]) => {
    const features = Array.from({ length: pixels }, (_, pixel) => feature(pixel));
    const k = features.map((a) => features.map((b) => Math.exp(-0.5 * a.reduce((s, x, i) => s + (x - b[i]) ** 2, 0))));
    const sums = k.map((row) => row.reduce((a, b) => a + b, 0));
    return k.map((row, i) => row.map((value, j) => value / Math.sqrt(sums[i] * sums[j])));
  };
  const near = kernelOf((pixel) => place(pixel).map((x, axis) => x / allSides(smoothness.position, size.length)[axis]));
  const alike = kernelOf((pixel) => [
    ...place(pixel).map((x, axis) => x / allSides(appearance.position, size.length)[axis]),
    ...Array.from({ length: channels }, (_, c) => image[c * pixels + pixel] / appearance.intensity),
  ]);
  const unary = p.map((value) => -Math.log(Math.min(1, Math.max(value, 1e-5))));
  const normalise = (logits: number[][]) =>
    logits.map((row) => {
      const powers = row.map(Math.exp);
      const sum = powers.reduce((a, b) => a + b, 0);
      return powers.map((value) => value / sum);
    });
  const u = Array.from({ length: pixels }, (_, i) => Array.from({ length: classes }, (_, l) => unary[l * pixels + i]));
  let q = normalise(u.map((row) => row.map((value) => -value)));
  const energies: number[] = [];
  for (let iteration = 0; ; iteration++) {
    const message = q.map((_, i) =>
      Array.from({ length: classes }, (_, l) =>
        q.reduce((s, row, j) => s + (smoothness.weight * near[i][j] + appearance.weight * alike[i][j]) * row[l], 0),
      ),
    );
    energies.push(
      q.reduce(
        (sum, row, i) =>
          sum + row.reduce((s, v, l) => s + (v > 0 ? v * (Math.log(v) + u[i][l] - message[i][l] / 2) : 0), 0),
        0,
      ),
    );
    if (iteration === iterations)
      return { marginals: Array.from({ length: classes }, (_, l) => q.map((row) => row[l])).flat(), energies };
    q = normalise(u.map((row, i) => row.map((value, l) => message[i][l] - value)));
  }
}
