/**
 * @file How far a search has decided: entropies of its distributions against those of a uniform choice. Pure, so that the dashboard reads it, too.
 */

/** Mean entropies in nats by what they are of: operators, moves, patterns, predecessors. */
export type Entropies = Readonly<Record<string, number | null>>;

/** A search that decided less than this share of everything that it chooses has found little more than a random architecture. */
export const UNDECIDED_BELOW = 0.05;

/** The entropies among the metrics of an epoch (`operatorEntropy`), by what they are of (`operators`). */
export const entropiesOf = (metrics: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(metrics)
      .filter(([name]) => name.endsWith('Entropy'))
      .map(([name, nats]) => [`${name.slice(0, -'Entropy'.length)}s`, nats]),
  );

/**
 * What share of each choice is decided: 1 - entropy / limit, in [0, 1].
 * @param limits entropies where nothing is decided; choices without a limit above 0 are left out
 */
export function decidedShares(entropies: Entropies, limits: Entropies): Record<string, number> {
  return Object.fromEntries(
    Object.entries(entropies).flatMap(([name, nats]) => {
      const limit = limits[name];
      return typeof limit === 'number' && limit > 0 && typeof nats === 'number'
        ? [[name, Math.min(1, Math.max(0, 1 - nats / limit))]]
        : [];
    }),
  );
}

/** Whether nothing is decided to speak of: every share lies below {@link UNDECIDED_BELOW}. Without a share nothing is known: false. */
export const isUndecided = (shares: Readonly<Record<string, number>>): boolean =>
  Object.keys(shares).length > 0 && Object.values(shares).every((share) => share < UNDECIDED_BELOW);

/** Such as `operators 2 % decided, moves 11 %`. */
export const describeDecided = (shares: Readonly<Record<string, number>>): string =>
  Object.entries(shares)
    .map(([name, share], i) => `${name} ${Math.round(100 * share)} %${i === 0 ? ' decided' : ''}`)
    .join(', ');

/** What to say of a search that ends undecided. */
export const undecidedWarning = (shares: Readonly<Record<string, number>>): string =>
  `the search ended undecided (${describeDecided(shares)}): the architecture is little more than a random one`;
