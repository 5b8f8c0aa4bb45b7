/**
 * @file The budget as a term of an objective: how far the expected cost lies above each limit. Expectations are sums of parts; what these miss of the whole
 * (levels that do not halve evenly, operators that are computed once for two readers, a peak of memory) is a factor, measured on the network that the
 * architecture would be decoded to. So the expectation is that network's own count where the architecture is one-hot.
 */
import * as op from '../../engine/operators.ts';
import { fromArray, type Tensor } from '../../engine/tensor.ts';
import { formatGenotype, type Genotype } from '../../space/genotype.ts';
import { genotypeShares, type SearchBudget, type Shares } from './searchBudget.ts';

/** Counts genotypes, each once: an architecture that moves little decodes to the same network for many steps. */
export interface GenotypeCounter<G extends Genotype> {
  /** Shares of the limits that the network takes. */
  exact(genotype: G): Shares;
  /** By which the sum of its parts is multiplied to give these. */
  factors(genotype: G): Shares;
}

/** Counts are kept for so many genotypes. */
const KEPT = 5000;

/** A counter of the genotypes of one space, whose parts sum to `sumOf`. */
export function genotypeCounter<G extends Genotype>(
  budget: SearchBudget,
  sumOf: (genotype: G) => Shares,
): GenotypeCounter<G> {
  const known = new Map<string, Shares>();
  const exact = (genotype: G): Shares => {
    const key = formatGenotype(genotype);
    const found = known.get(key);
    if (found) return found;
    if (known.size >= KEPT) known.clear();
    const shares = genotypeShares(genotype, budget);
    known.set(key, shares);
    return shares;
  };
  return {
    exact,
    factors(genotype) {
      const sum = sumOf(genotype);
      return exact(genotype).map((share, k) => share / sum[k]);
    },
  };
}

/** Expected shares of the limits, `[limits]`, brought to what networks like `genotype` take. */
export const correctedShares = (expected: Tensor, factors: Shares): Tensor =>
  op.multiply(
    expected,
    op.toDevice(fromArray([...factors], [factors.length], expected.dtype as 'float32'), expected.device),
  );

/** The sum over the limits of how far each is exceeded: 0 within all of them, 1 at twice one of them. */
export const excess = (shares: Tensor): Tensor => op.sum(op.relu(op.addNumber(shares, -1)));

/** An objective with the excess in it, as strong as `ramp` says, in [0, 1]. */
export const withExcess = (objective: Tensor, shares: Tensor, ramp: number | Tensor): Tensor => {
  const term = excess(shares);
  return op.add(objective, typeof ramp === 'number' ? op.scale(term, ramp) : op.multiply(term, ramp));
};
