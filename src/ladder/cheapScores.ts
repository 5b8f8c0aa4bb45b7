/**
 * @file Scores that cost neither training nor a pass through the network. They filter children only where the first rung of a race has shown that they rank
 * networks on these data.
 */
import type { Candidate } from './candidate.ts';

/** Scores of a candidate, by name; all candidates of a race cost the same. */
export const CHEAP_SCORES = {
  /** At equal multiply-adds: those of coarse levels are many. */
  parameters: ({ cost }: Candidate): number => cost.parameters,
  /** Where the multiply-adds are spent: coarse levels see far. */
  'mean level': ({ macro }: Candidate): number => macro.meanLevel,
  depth: ({ macro }: Candidate): number => macro.depth,
} as const;

/** A cheap score that ranks as trainings do. */
export interface CheapScore {
  readonly name: keyof typeof CHEAP_SCORES;
  /** Spearman's rank correlation with the scores of trainings; negative where less is better. */
  readonly correlation: number;
}

/** Least correlation that is worth a filter. */
const WANTED = 0.3;
/** And at least so many standard errors of none, since the best of several is chosen. */
const ERRORS = 1.65;

/**
 * The cheap score that correlates best with `scores`; undefined where none does. Scores that are no number take no part, and of fewer than six nothing is
 * said.
 */
export function findCheapScore(candidates: readonly Candidate[], scores: readonly number[]): CheapScore | undefined {
  const known = candidates.flatMap((candidate, i) =>
    Number.isFinite(scores[i]) ? [{ candidate, score: scores[i] }] : [],
  );
  if (known.length < 6) return undefined;
  const own = known.map(({ score }) => score);
  const [best] = Object.entries(CHEAP_SCORES)
    .map(([name, scoreOf]) => ({
      name: name as CheapScore['name'],
      correlation: spearman(
        known.map(({ candidate }) => scoreOf(candidate)),
        own,
      ),
    }))
    .sort((a, b) => Math.abs(b.correlation) - Math.abs(a.correlation));
  return Math.abs(best.correlation) > Math.max(WANTED, ERRORS / Math.sqrt(known.length - 1)) ? best : undefined;
}

/** What a cheap score says of a candidate: more is better. */
export const cheapValue = ({ name, correlation }: CheapScore, candidate: Candidate): number =>
  Math.sign(correlation) * CHEAP_SCORES[name](candidate);

/** Spearman's rank correlation: that of the ranks, equal values sharing theirs; 0 where one list does not vary. */
export function spearman(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranksOf(a), ranksOf(b)];
  const middle = (a.length - 1) / 2;
  const product = (u: readonly number[], v: readonly number[]) =>
    u.reduce((sum, value, i) => sum + (value - middle) * (v[i] - middle), 0);
  const spread = Math.sqrt(product(x, x) * product(y, y));
  return spread > 0 ? product(x, y) / spread : 0;
}

function ranksOf(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  return values.map((value) => (sorted.indexOf(value) + sorted.lastIndexOf(value)) / 2);
}
