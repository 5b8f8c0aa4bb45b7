/**
 * @file The running statistics of batch norms, measured anew: those of the whole training set under fixed weights, instead of a trail of what earlier
 * weights saw (Wu, Johnson 2021, arXiv 2105.07576, section 3). Averaged weights need them: the statistics that were averaged along belong to no weights.
 */
import { noGrad } from '../engine/autograd.ts';
import { add, addInto, clamp, copyInto, multiply, scale, subtract, zerosLike } from '../engine/operators.ts';
import { keepForever, scope } from '../engine/tensor.ts';
import type { Pass } from './layers.ts';
import type { ParameterSet } from './parameters.ts';

const MEAN = 'runningMean';
const VARIANCE = 'runningVariance';

/** A measurement in progress. */
export interface NormStatistics {
  /** Adds what the norms see in one forward pass, which `forward` makes as it is given. */
  add(forward: (pass: Pass) => void): void;
  /** Writes the statistics of all passes into the norms: the mean of the means, and the mean variance within a pass plus that of the means. */
  write(): void;
  free(): void;
}

/**
 * Begins a measurement; null where no norm keeps statistics.
 * @param kept names of the norms whose statistics stay as they are
 */
export function measureNormStatistics(
  parameters: ParameterSet,
  kept: ReadonlySet<string> = new Set(),
): NormStatistics | null {
  const entries = parameters.entries();
  const pairs = [...entries].flatMap(([name, mean]) => {
    const isMeasured = name.endsWith(MEAN) && !kept.has(name.slice(0, -MEAN.length - 1));
    const variance = isMeasured && entries.get(name.slice(0, -MEAN.length) + VARIANCE);
    return variance ? [{ mean, variance }] : [];
  });
  if (pairs.length === 0) return null;
  const means = pairs.map(({ mean }) => mean);
  const variances = pairs.map(({ variance }) => variance);
  const zeros = () => noGrad(() => scope(() => means.map((tensor) => keepForever(zerosLike(tensor)))));
  // Means are counted from those of the first pass: the square of a large mean has no digits left for its spread.
  const [origins, shifts, squares, within] = [zeros(), zeros(), zeros(), zeros()];
  let passes = 0;
  return {
    add(forward) {
      noGrad(() =>
        scope(() => {
          forward({ training: true, progress: 0, normMomentum: 1 });
          pairs.forEach(({ mean, variance }, i) => {
            if (passes === 0) copyInto(origins[i], mean);
            const shift = subtract(mean, origins[i]);
            addInto(shifts[i], shift);
            addInto(squares[i], multiply(shift, shift));
            addInto(within[i], variance);
          });
        }),
      );
      passes++;
    },
    write() {
      if (passes === 0) return;
      noGrad(() =>
        scope(() => {
          for (const i of means.keys()) {
            const shift = scale(shifts[i], 1 / passes);
            const between = subtract(scale(squares[i], 1 / passes), multiply(shift, shift));
            copyInto(means[i], add(origins[i], shift));
            // Rounding must not leave a channel that never changes with a variance below zero.
            copyInto(variances[i], add(scale(within[i], 1 / passes), clamp(between, 0, null)));
          }
        }),
      );
    },
    free() {
      for (const tensor of [...origins, ...shifts, ...squares, ...within]) tensor.free();
    },
  };
}
