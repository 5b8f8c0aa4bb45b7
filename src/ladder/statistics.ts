/**
 * @file Scores of trainings as counts by sample, so that they can be drawn again: the bootstrap over groups of samples, and what scatter the seeds have.
 */
import type { Random } from '../base/random.ts';
import { NORMAL_975, studentT975 } from '../base/studentT.ts';

/** Pixels or voxels by class or by region, of one sample; of volumes the first is the background, which is empty where there are regions. */
export interface SampleCounts {
  readonly id: string;
  /** Group of the sample: groups are drawn, not samples. */
  readonly group: string;
  /** Right ones by class. */
  readonly hits: readonly number[];
  /** Labelled ones by class. */
  readonly labelled: readonly number[];
  /** Predicted ones by class. */
  readonly predicted: readonly number[];
}

/** What is made of counts: the mean IoU over the summed counts, or the mean Dice of the foreground over cases, then classes. */
export type Statistic = 'miou' | 'dice';

/** The score of samples, in [0, 1]; a sample may occur several times. NaN where no class occurs. */
export function scoreOf(samples: readonly SampleCounts[], statistic: Statistic): number {
  const classes = samples[0]?.hits.length ?? 0;
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const mean = (values: readonly number[]) => {
    const present = values.filter((value) => !Number.isNaN(value));
    return sum(present) / present.length;
  };
  const byClass = Array.from({ length: classes }, (_, c) => {
    if (statistic === 'dice')
      return mean(samples.map(({ hits, labelled, predicted }) => (2 * hits[c]) / (labelled[c] + predicted[c])));
    const [hit, label, prediction] = (['hits', 'labelled', 'predicted'] as const).map((key) =>
      sum(samples.map((sample) => sample[key][c])),
    );
    return hit / (label + prediction - hit);
  });
  return mean(statistic === 'dice' ? byClass.slice(1) : byClass);
}

/** Samples drawn with replacement by whole groups. The same draw serves every network, so that differences are paired. */
export function drawGroups(samples: readonly Pick<SampleCounts, 'group'>[], random: Random): number[] {
  const members = new Map<string, number[]>();
  for (const [i, { group }] of samples.entries()) members.set(group, [...(members.get(group) ?? []), i]);
  const groups = [...members.values()];
  return groups.flatMap(() => groups[random.integer(groups.length)]);
}

/** The variance of a score over seeds, pooled over networks; 0 where no network has two. */
export function seedVariance(scores: readonly (readonly number[])[]): number {
  let [squares, degrees] = [0, 0];
  for (const own of scores) {
    const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
    squares += own.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    degrees += own.length - 1;
  }
  return degrees > 0 ? squares / degrees : 0;
}

/**
 * Estimates of networks: the means over their seeds, drawn towards the mean of all by as much as the scatter of seeds explains their differences. The best
 * of several means is too good on average; this one is not (James, Stein 1961; Efron, Morris 1975).
 */
export function shrunk(scores: readonly (readonly number[])[]): number[] {
  const means = scores.map((own) => own.reduce((sum, value) => sum + value, 0) / own.length);
  const centre = means.reduce((sum, value) => sum + value, 0) / means.length;
  const scatter = means.reduce((sum, value) => sum + (value - centre) ** 2, 0) / Math.max(1, means.length - 1);
  const within = seedVariance(scores);
  return means.map((mean, i) => {
    const noise = within / scores[i].length;
    const kept = scatter > 0 ? Math.max(0, 1 - noise / scatter) : 1;
    return centre + kept * (mean - centre);
  });
}

/**
 * By how much the bootstrap over `groups` groups is too narrow: its variance lacks a factor n / (n - 1), and its tails are those of a normal distribution
 * instead of Student's t with n - 1 degrees of freedom (Hesterberg 2015, arXiv 1411.5279). At least 1; infinite for one group.
 */
export function widening(groups: number): number {
  if (groups < 2) return Number.POSITIVE_INFINITY;
  const degrees = groups - 1;
  return (Math.sqrt(groups / degrees) * studentT975(degrees)) / NORMAL_975;
}

/** The two bounds between which the middle `share` of the values lies. */
export function intervalOf(values: readonly number[], share = 0.95): [low: number, high: number] {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  const at = (quantile: number) =>
    sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(quantile * (sorted.length - 1))))] ?? Number.NaN;
  return [at((1 - share) / 2), at((1 + share) / 2)];
}
