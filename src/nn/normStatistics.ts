/**
 * @file The running statistics of batch norms, measured anew: those of the whole training set under fixed weights, instead of a trail of what earlier
 * weights saw (Wu, Johnson 2021, arXiv 2105.07576, section 3). Averaged weights need them: the statistics that were averaged along belong to no weights.
 */
import { noGrad } from '../engine/autograd.ts';
import { operator } from '../engine/call.ts';
import { copyInto, multiply, scale, subtract, zerosLike } from '../engine/operators.ts';
import { keepForever, scope, type Tensor } from '../engine/tensor.ts';
import type { Pass } from './layers.ts';
import type { ParameterSet } from './parameters.ts';

const MEAN = 'runningMean';
const VARIANCE = 'runningVariance';

/** A measurement in progress. */
export interface NormStatistics {
  /** Adds what the norms see in one forward pass, which `forward` makes as it is given. */
  add(forward: (pass: Pass) => void): void;
  /** Writes the statistics of all passes into the norms: the mean of the means, and the mean variance within a pass plus that of the means. */
  finish(): void;
}

/** Begins a measurement; null where no norm keeps statistics. */
export function measureNormStatistics(parameters: ParameterSet): NormStatistics | null {
  const entries = parameters.entries();
  const pairs = [...entries].flatMap(([name, mean]) => {
    const variance = name.endsWith(MEAN) && entries.get(name.slice(0, -MEAN.length) + VARIANCE);
    return variance ? [{ mean, variance }] : [];
  });
  if (pairs.length === 0) return null;
  const seen = [...pairs.map(({ mean }) => mean), ...pairs.map(({ variance }) => variance)];
  const means = seen.slice(0, pairs.length);
  const empty = (tensors: readonly Tensor[]) => tensors.map((tensor) => keepForever(zerosLike(tensor)));
  const { sums, squares } = noGrad(() => scope(() => ({ sums: empty(seen), squares: empty(means) })));
  const addTo = (targets: readonly Tensor[], values: readonly Tensor[]) =>
    void operator('aten::_foreach_add_.List').many([...targets], [...values], 1);
  let passes = 0;
  return {
    add(forward) {
      noGrad(() =>
        scope(() => {
          forward({ training: true, progress: 0, normMomentum: 1 });
          addTo(sums, seen);
          addTo(
            squares,
            means.map((mean) => multiply(mean, mean)),
          );
        }),
      );
      passes++;
    },
    finish() {
      noGrad(() =>
        scope(() => {
          if (passes > 0)
            pairs.forEach(({ mean, variance }, i) => {
              const average = scale(sums[i], 1 / passes);
              const between = subtract(scale(squares[i], 1 / passes), multiply(average, average));
              copyInto(mean, average);
              copyInto(variance, scale(sums[pairs.length + i], 1 / passes));
              if (passes > 1) operator('aten::add_.Tensor').one(variance, between, 1);
            });
        }),
      );
      for (const tensor of [...sums, ...squares]) tensor.free();
    },
  };
}
