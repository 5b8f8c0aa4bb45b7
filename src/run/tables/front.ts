/**
 * @file Networks by what they cost and what they reached: which ones no other beats, between which bounds the mean of a few seeds lies, and how much of the
 * scatter of scores the networks explain. Pure, so that the dashboard uses it in a browser.
 */
import { studentT975 } from '../../base/studentT.ts';

/** Those points that no other one beats: none is both cheaper and better. In the order of cost. */
export function paretoFront<Point extends { readonly cost: number; readonly score: number }>(
  points: readonly Point[],
): Point[] {
  let best = Number.NEGATIVE_INFINITY;
  return [...points]
    .sort((a, b) => a.cost - b.cost || b.score - a.score)
    .filter(({ score }) => {
      const isBetter = score > best;
      best = Math.max(best, score);
      return isBetter;
    });
}

/** A mean of scores and the bounds that are shown with it. */
export interface ScoreOfSeeds {
  readonly mean: number;
  /** Absent for one seed: it says nothing about others. */
  readonly bounds?: readonly [low: number, high: number];
  /** What the bounds are: the 95 % interval of the mean by Student's t, or of two seeds the worse and the better one. */
  readonly kind: 'interval' | 'range' | 'none';
}

/** Fewest seeds for an interval: of two it would be nine times as wide as they are apart. */
const FEWEST = 3;

/** The mean of the scores of several seeds, in [0, 1], with an interval where there are three or more; undefined where there is no score. */
export function scoreOfSeeds(scores: readonly number[]): ScoreOfSeeds | undefined {
  if (scores.length === 0) return undefined;
  const mean = meanOf(scores);
  if (scores.length === 1) return { mean, kind: 'none' };
  if (scores.length < FEWEST)
    return { mean, kind: 'range', bounds: [Math.min(scores[0], scores[1]), Math.max(scores[0], scores[1])] };
  const degrees = scores.length - 1;
  const half = studentT975(degrees) * Math.sqrt(squaresOf(scores) / degrees / scores.length);
  return { mean, kind: 'interval', bounds: [Math.max(0, mean - half), Math.min(1, mean + half)] };
}

/** How much of the scatter of scores lies between groups. */
export interface Explained {
  /** Omega squared, in [0, 1]: the share of the variance that the groups explain, without the bias of its estimate. */
  readonly share: number;
  readonly groups: number;
  readonly values: number;
}

/** Fewest networks, and trainings beyond one each, of which a share is worth a number. */
const FEWEST_GROUPS = 3;
const FEWEST_DEGREES = 6;

/**
 * The share of the variance of scores between groups, such as architectures, by a one-way analysis of variance (Hays 1963: omega squared); undefined where
 * there are too few: below three groups, or below six values more than groups.
 */
export function explainedBy(groups: readonly (readonly number[])[]): Explained | undefined {
  const known = groups.filter((group) => group.length > 0);
  const values = known.flat();
  const degrees = values.length - known.length;
  if (known.length < FEWEST_GROUPS || degrees < FEWEST_DEGREES) return undefined;
  const within = known.reduce((sum, group) => sum + squaresOf(group), 0);
  const total = squaresOf(values);
  const noise = within / degrees;
  if (total + noise === 0) return undefined;
  const share = (total - within - (known.length - 1) * noise) / (total + noise);
  return { share: Math.max(0, share), groups: known.length, values: values.length };
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const squaresOf = (values: readonly number[]): number => {
  const mean = meanOf(values);
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
};
