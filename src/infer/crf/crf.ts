/**
 * @file A fully connected CRF after any network: class probabilities are smoothed within what looks alike. Kraehenbuehl and Koltun 2011, "Efficient
 * inference in fully connected CRFs with Gaussian edge potentials"; the step behind DeepLabv1 and v2.
 *
 * Energy of labels `x`: `sum_i u_i(x_i) + sum_{i<j} [x_i != x_j] k(i, j)` with `u = -log p`, and `k` the weighted sum of two Gaussian kernels, of
 * position and intensities (appearance) and of position alone (smoothness), each normalised as in the code of the authors:
 * `k(i, j) / sqrt(sum_m k(i, m) sum_m k(j, m))`, where a pixel is its own neighbour too. Mean field: `Q_i(l) ~ exp(-u_i(l) + sum_j k(i, j) Q_j(l))`.
 * Filters by `native/operators/meanField.cc`: a permutohedral lattice for the appearance, a convolution along each axis for the smoothness.
 */
import { ConfigError } from '../../base/errors.ts';
import { noGrad } from '../../engine/autograd.ts';
import { operator } from '../../engine/call.ts';
import * as op from '../../engine/operators.ts';
import { scope, type Tensor } from '../../engine/tensor.ts';
import { exactMeanField } from './exact.ts';

/** Both kernels; deviations of positions are in pixels or voxels, one for all axes or one an axis, `[depth, height, width]`. */
export interface CrfOptions {
  /** Iterations of the mean field, from 0; it starts at the probabilities. */
  readonly iterations: number;
  /** `weight` from 0; the deviation of `intensity` is in units of the images that the network reads. */
  readonly appearance: {
    readonly weight: number;
    readonly position: number | readonly number[];
    readonly intensity: number;
  };
  readonly smoothness: { readonly weight: number; readonly position: number | readonly number[] };
  /** Sums over all pairs of pixels in float64 instead of filters; for at most {@link MOST_EXACT} pixels. */
  readonly exact?: boolean;
}

/** Pixels at most whose pairs are summed one by one: the matrix of a kernel has 128 MiB. */
export const MOST_EXACT = 4096;

/** Marginals, and the mean field's energy before every iteration and after the last one, of each sample. */
export interface MeanField {
  readonly marginals: Tensor;
  readonly energies: readonly (readonly number[])[];
}

/**
 * The marginals `[batch, classes, ...spatial]` of the CRF over class probabilities of the same shape, on their device. A pixel whose probabilities are
 * zero, or no numbers, has no evidence of its own and follows what looks like it.
 * @param images what the network read, `[batch, channels, ...spatial]`
 * @throws ConfigError when `exact` is asked for more than {@link MOST_EXACT} pixels
 */
export const refine = (probabilities: Tensor, images: Tensor, options: CrfOptions): Tensor =>
  scope(() => meanField(probabilities, images, options, false).marginals);

/** As `refine`, with the energies `sum_i sum_l Q_i(l) (u_i(l) + log Q_i(l) - sum_j k(i, j) Q_j(l) / 2)`, which cost another filter. */
export const refineWithEnergies = (probabilities: Tensor, images: Tensor, options: CrfOptions): MeanField =>
  scope(() => meanField(probabilities, images, options, true));

function meanField(probabilities: Tensor, images: Tensor, options: CrfOptions, wantsEnergies: boolean): MeanField {
  const { iterations, appearance, smoothness, exact = false } = options;
  const { device } = probabilities;
  const axes = images.shape.length - 2;
  const [own, seen] = [probabilities, images].map((x) => op.toDevice(op.detach(x), 'cpu'));
  return noGrad(() => {
    if (exact) {
      requireFew(images.shape.slice(2));
      const { marginals, energies } = exactMeanField(own, seen, {
        iterations,
        appearance: { ...appearance, position: sidesOf(appearance.position, axes) },
        smoothness: { ...smoothness, position: sidesOf(smoothness.position, axes) },
      });
      return { marginals: op.toDevice(marginals, device), energies };
    }
    const [marginals, found] = operator('espalier::mean_field').many(
      own,
      seen,
      iterations,
      [appearance.weight, appearance.intensity, ...sidesOf(appearance.position, axes)],
      [smoothness.weight, ...sidesOf(smoothness.position, axes)],
      wantsEnergies,
    ) as [Tensor, Tensor];
    const [batch, count] = found.shape;
    const numbers = found.numbers();
    const energies = Array.from({ length: batch }, (_, i) => numbers.slice(i * count, (i + 1) * count));
    return { marginals: op.toDevice(marginals, device), energies };
  });
}

/** One deviation an axis. @throws ConfigError when there is another number of them. */
function sidesOf(position: number | readonly number[], axes: number): readonly number[] {
  if (typeof position === 'number') return Array<number>(axes).fill(position);
  if (position.length === axes) return position;
  throw new ConfigError(
    `crf: ${position.length} deviations of positions for ${axes} axes, got [${position.join(', ')}]`,
    'give one number for all axes, or one for each',
  );
}

function requireFew(size: readonly number[]): void {
  const pixels = size.reduce((a, b) => a * b, 1);
  if (pixels > MOST_EXACT)
    throw new ConfigError(
      `crf.exact: expected at most ${MOST_EXACT} pixels, got ${size.join(' x ')}`,
      'leave crf.exact out: the filters take any size',
    );
}
