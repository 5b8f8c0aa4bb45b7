/**
 * @file The best architecture that fits: first the best ones in order, until one fits, which is exact; where too many come before it, the best of what
 * Lagrange multipliers find, with a bound on how much better any other could be.
 */
import type { Shares } from './searchBudget.ts';

/** An architecture with its score, a logarithm of probability. */
export interface Scored<G> {
  readonly genotype: G;
  readonly score: number;
}

/** What is decoded. */
export interface DecodedSpace<G> {
  /** Architectures by descending score; the first is what is decoded without limits. */
  listed(): Iterable<Scored<G>>;
  /** The architecture of the largest score less `prices` times its shares of the limits, by the sums of its parts. */
  priced(prices: Shares): Scored<G>;
  /** Architectures that differ from one in one place. */
  near(genotype: G): Iterable<Scored<G>>;
  /** Shares of the limits that the network takes, and the sums of its parts. */
  exact(genotype: G): Shares;
  sum(genotype: G): Shares;
}

/** What was found. */
export interface DecodedWithin<G> extends Scored<G> {
  /** Whether it is within every limit; if not, it is the cheapest that was found. */
  readonly fits: boolean;
  readonly shares: Shares;
  /** How much larger the score of another one that fits may be; 0 where there is none. */
  readonly gap: number;
}

type Found<G> = Omit<DecodedWithin<G>, 'gap'>;

/** Architectures that are listed at most. */
const LISTED = 3000;
/** One whose parts add up to so many times the limits, by the factor of the first one, is passed over unless few are listed. */
const FAR = 1.25;
/** So many are counted exactly, whatever their parts add up to. */
const COUNTED = 100;
/** Doublings of the first price, and halvings of the interval that then holds the least that suffices. */
const DOUBLINGS = 40;
const HALVINGS = 16;
const FIRST_PRICE = 1e-4;

/** The best architecture of a space whose shares are all at most 1. */
export function decodeWithin<G>(space: DecodedSpace<G>): DecodedWithin<G> {
  let [listed, bound] = [0, Number.POSITIVE_INFINITY];
  let factors: Shares | undefined;
  for (const { genotype, score } of space.listed()) {
    bound = score;
    if (listed++ === LISTED) break;
    const sum = space.sum(genotype);
    const estimate = sum.map((share, k) => share * (factors?.[k] ?? 1));
    if (listed > COUNTED && estimate.some((share) => share > FAR)) continue;
    const shares = space.exact(genotype);
    factors ??= shares.map((share, k) => share / sum[k]);
    if (isWithin(shares)) return { genotype, score, shares, fits: true, gap: 0 };
  }
  const isWhole = listed <= LISTED;
  const found = improved(space, byPrices(space));
  if (isWhole && !found.fits) return { ...found, gap: 0 };
  return { ...found, gap: Math.max(0, bound - found.score) };
}

const isWithin = (shares: Shares): boolean => shares.every((share) => share <= 1);

/** Raises the prices of what is exceeded until everything fits, then looks for the lowest prices between the last two at which it does. */
function byPrices<G>(space: DecodedSpace<G>): Found<G> {
  let best: Found<G> | undefined;
  const at = (prices: Shares): Shares => {
    const { genotype, score } = space.priced(prices);
    const shares = space.exact(genotype);
    const one = { genotype, score, shares, fits: isWithin(shares) };
    if (!best || isBetter(one, best)) best = one;
    return shares;
  };
  const first = at(space.sum(space.priced([]).genotype).map(() => 0));
  let below: readonly number[] = first.map(() => 0);
  let above: readonly number[] = first.map((share) => (share > 1 ? FIRST_PRICE : 0));
  for (let i = 0; i < DOUBLINGS; i++) {
    const shares = at(above);
    if (isWithin(shares)) break;
    below = above;
    above = above.map((price, k) => (shares[k] > 1 ? Math.max(FIRST_PRICE, 2 * price) : price));
  }
  for (let i = 0; i < HALVINGS; i++) {
    const middle = below.map((price, k) => (price + above[k]) / 2);
    if (isWithin(at(middle))) above = middle;
    else below = middle;
  }
  return best as Found<G>;
}

/** Changes one place after the other for a larger score while everything fits: prices find no architecture that a mixture of two others dominates. */
function improved<G>(space: DecodedSpace<G>, start: Found<G>): Found<G> {
  let found = start;
  for (let round = 0; round < CHANGES && found.fits; round++) {
    const sum = space.sum(found.genotype);
    const factors = found.shares.map((share, k) => share / sum[k]);
    const better = [...space.near(found.genotype)]
      .filter(({ genotype, score }) => {
        if (score <= found.score + SMALL) return false;
        return space.sum(genotype).every((share, k) => share * factors[k] <= 1 + TOLERATED);
      })
      .sort((a, b) => b.score - a.score);
    const next = better
      .slice(0, TRIED)
      .map((one) => ({ ...one, shares: space.exact(one.genotype), fits: true }))
      .find(({ shares }) => isWithin(shares));
    if (!next) break;
    found = next;
  }
  return found;
}

/** Changes at most, and how many of the best are counted exactly for each; estimates may exceed a limit by so much. */
const CHANGES = 40;
const TRIED = 4;
const TOLERATED = 0.02;
/** Scores that differ by less are equal. */
const SMALL = 1e-9;

/** Of two that fit the larger score, of others the one that exceeds its limits by less. */
function isBetter<G>(one: Found<G>, other: Found<G>): boolean {
  if (one.fits !== other.fits) return one.fits;
  return one.fits ? one.score > other.score : Math.max(...one.shares) < Math.max(...other.shares);
}
