/**
 * @file Mean field of a fully connected CRF over all pairs of pixels, as the formulas say: what the filters are held to, and what small inputs may take.
 */
import * as op from '../../engine/operators.ts';
import { fromArray, scope, type Tensor } from '../../engine/tensor.ts';

/** The kernels of `CrfOptions` with one deviation an axis. */
export interface ExactKernels {
  readonly iterations: number;
  readonly appearance: { readonly weight: number; readonly position: readonly number[]; readonly intensity: number };
  readonly smoothness: { readonly weight: number; readonly position: readonly number[] };
}

/** Probabilities below count as this much; the same number as in `native/operators/meanField.cc`. */
export const LEAST_PROBABILITY = 1e-5;

/** Marginals `[batch, classes, ...spatial]` in the precision of `probabilities`, and the energies of each sample; computed in float64. */
export function exactMeanField(
  probabilities: Tensor,
  images: Tensor,
  kernels: ExactKernels,
): { marginals: Tensor; energies: number[][] } {
  const [batch] = probabilities.shape;
  const samples = Array.from({ length: batch }, (_, i) =>
    exactSample(op.slice(probabilities, 0, i, i + 1), op.slice(images, 0, i, i + 1), kernels),
  );
  const marginals = op.concat(
    samples.map((sample) => sample.marginals),
    0,
  );
  return {
    marginals: op.toDType(op.reshape(marginals, probabilities.shape), probabilities.dtype),
    energies: samples.map((sample) => sample.energies),
  };
}

function exactSample(probabilities: Tensor, image: Tensor, { iterations, appearance, smoothness }: ExactKernels) {
  const size = image.shape.slice(2);
  const pixels = size.reduce((a, b) => a * b, 1);
  const rows = (x: Tensor) => op.reshape(op.toDType(x, 'float64'), [x.shape[1], pixels]);
  const intensities = op.scale(rows(image), 1 / appearance.intensity);
  const near = weighted(gaussian(positions(size, smoothness.position)), smoothness.weight);
  const alike = weighted(
    gaussian(op.concat([positions(size, appearance.position), intensities], 0)),
    appearance.weight,
  );
  const kernel = op.add(near, alike);
  const known = rows(probabilities);
  const bounded = op.clamp(op.replaceNotFinite(op.clone(known), 0), LEAST_PROBABILITY, 1);
  const unary = op.negate(op.log(bounded));
  const energies: number[] = [];
  let marginals = op.softmax(op.negate(unary), 0);
  for (let iteration = 0; ; iteration++) {
    const message = op.matmul(marginals, kernel);
    energies.push(energyOf(marginals, unary, message));
    if (iteration === iterations) return { marginals: op.reshape(marginals, [1, ...known.shape]), energies };
    marginals = op.softmax(op.subtract(message, unary), 0);
  }
}

/** `sum Q (u + log Q - m / 2)`, where a marginal of 0 adds nothing. */
const energyOf = (marginals: Tensor, unary: Tensor, message: Tensor): number =>
  scope(() => {
    const entropy = op.log(op.clamp(marginals, Number.MIN_VALUE, null));
    return op.sum(op.multiply(marginals, op.subtract(op.add(unary, entropy), op.scale(message, 0.5)))).item();
  });

/** Grid positions over their deviations, `[axes, pixels]`. */
function positions(size: readonly number[], deviations: readonly number[]): Tensor {
  const pixels = size.reduce((a, b) => a * b, 1);
  const values = new Float64Array(size.length * pixels);
  let inner = pixels;
  size.forEach((side, axis) => {
    inner /= side;
    for (let pixel = 0; pixel < pixels; pixel++)
      values[axis * pixels + pixel] = (Math.floor(pixel / inner) % side) / deviations[axis];
  });
  return fromArray(values, [size.length, pixels]);
}

/** `exp(-|f_i - f_j|^2 / 2)` of features `[values, pixels]`, divided by the roots of the sums of its rows and columns. */
function gaussian(features: Tensor): Tensor {
  const [values, pixels] = features.shape;
  const distances = Array.from({ length: values }, (_, i) => op.slice(features, 0, i, i + 1))
    .map((row) => op.subtract(row, op.reshape(row, [pixels, 1])))
    .map((difference) => op.multiply(difference, difference))
    .reduce((sum, square) => op.add(sum, square));
  const kernel = op.exp(op.scale(distances, -0.5));
  const roots = op.power(op.sumOver(kernel, [0], true), 0.5);
  return op.divide(op.divide(kernel, roots), op.reshape(roots, [pixels, 1]));
}

const weighted = (kernel: Tensor, weight: number): Tensor => op.scale(kernel, weight);
