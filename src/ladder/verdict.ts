/**
 * @file The verdict of a race: which network is returned, and how sure it is that it is better than the best one made by hand. Decided on the held-out
 * samples; the reported validation only reports.
 */
import type { Random } from '../base/random.ts';
import type { Candidate } from './candidate.ts';
import {
  drawGroups,
  intervalOf,
  type SampleCounts,
  type Statistic,
  scoreOf,
  seedVariance,
  shrunk,
  widening,
} from './statistics.ts';

/** One finished training of a finalist. */
export interface FinishedTraining {
  readonly seed: number;
  /** Run folder. */
  readonly run: string;
  /** On the held-out samples; empty where the training diverged. */
  readonly heldOut: readonly SampleCounts[];
  /** On the validation split of the data set. */
  readonly reported: readonly SampleCounts[];
}

/** A finalist with its estimates, all in [0, 1]. */
export interface Estimate {
  readonly candidate: Candidate;
  /** Mean over seeds on the held-out samples, and the same drawn towards the others by the scatter of seeds. */
  readonly heldOut: number;
  readonly shrunk: number;
  /** Mean over seeds on the reported validation, and its interval over samples and seeds. */
  readonly reported: number;
  readonly interval: readonly [number, number];
  readonly trainings: readonly FinishedTraining[];
}

/** The network that is returned, trained again on all training samples. */
export interface FinalTraining {
  /** Run folder. */
  readonly run: string;
  readonly steps: number;
  /** Score on the validation split of the data set, and its interval over samples; in [0, 1]. */
  readonly reported: number;
  readonly interval: readonly [number, number];
}

/** What a race decided. */
export interface Verdict {
  readonly statistic: Statistic;
  /** The network that is returned. */
  readonly chosen: Estimate;
  /** The best one that nobody made by hand; absent where none was sound. */
  readonly best?: Estimate;
  /** The best one made by hand; absent where the race had none. */
  readonly handMade?: Estimate;
  /** P(best better than hand-made) on new groups and new seeds; absent without one of them. */
  readonly probability?: number;
  /** Of that difference on the held-out samples: the middle 95 %. */
  readonly difference?: readonly [number, number];
  readonly estimates: readonly Estimate[];
  /** Standard deviation of the held-out score over seeds. */
  readonly seedDeviation: number;
}

/** Below it the network made by hand is returned. */
export const WANTED_PROBABILITY = 0.8;
const DRAWS = 1000;

/**
 * Judges the finalists. Null when none of them has a sound training.
 * @param finalists each with its trainings; those that diverged have no counts
 */
export function judge(
  finalists: readonly { readonly candidate: Candidate; readonly finals: readonly FinishedTraining[] }[],
  statistic: Statistic,
  random: Random,
): Verdict | null {
  const sound = finalists.flatMap(({ candidate, finals }) => {
    const trainings = finals.filter(
      ({ heldOut }) => heldOut.length > 0 && Number.isFinite(scoreOf(heldOut, statistic)),
    );
    return trainings.length > 0 ? [{ candidate, trainings }] : [];
  });
  if (sound.length === 0) return null;
  const scores = sound.map(({ trainings }) => trainings.map(({ heldOut }) => scoreOf(heldOut, statistic)));
  const estimatesOf = shrunk(scores);
  const variance = seedVariance(scores);
  const estimates = sound
    .map(({ candidate, trainings }, i): Estimate => {
      const reports = trainings.map(({ reported }) => reported).filter(({ length }) => length > 0);
      return {
        candidate,
        heldOut: mean(scores[i]),
        shrunk: estimatesOf[i],
        reported: mean(reports.map((reported) => scoreOf(reported, statistic))),
        interval: scoreInterval(reports, statistic, random),
        trainings,
      };
    })
    .sort((a, b) => b.shrunk - a.shrunk || b.heldOut - a.heldOut);
  const best = estimates.find(({ candidate }) => candidate.origin !== 'hand-made');
  const handMade = estimates.find(({ candidate }) => candidate.origin === 'hand-made');
  const common = { statistic, estimates, seedDeviation: Math.sqrt(variance) };
  if (!best || !handMade)
    return { ...common, chosen: estimates[0], ...(best ? { best } : {}), ...(handMade ? { handMade } : {}) };
  const differences = differencesOf(best, handMade, statistic, variance, random);
  const probability = differences.filter((difference) => difference > 0).length / differences.length;
  return {
    ...common,
    chosen: probability >= WANTED_PROBABILITY ? best : handMade,
    best,
    handMade,
    probability,
    difference: intervalOf(differences),
  };
}

/**
 * Differences of the mean scores of two networks over draws of groups, the same for both, and of what other seeds would have given. One group says nothing
 * about others: any difference is then possible.
 */
function differencesOf(a: Estimate, b: Estimate, statistic: Statistic, variance: number, random: Random): number[] {
  const samples = a.trainings[0].heldOut;
  const groups = groupsOf(samples);
  if (groups < 2) return [-1, 1];
  const noise = Math.sqrt(variance / a.trainings.length + variance / b.trainings.length);
  // How much of the measured difference remains when the scatter of seeds is taken out of it.
  const measured = a.heldOut - b.heldOut;
  const kept = measured === 0 ? 1 : Math.min(1, Math.max(0, (a.shrunk - b.shrunk) / measured));
  const wide = widening(groups);
  return Array.from({ length: DRAWS }, () => {
    const drawn = drawGroups(samples, random);
    const score = ({ trainings }: Estimate) =>
      mean(
        trainings.map(({ heldOut }) =>
          scoreOf(
            drawn.map((i) => heldOut[i]),
            statistic,
          ),
        ),
      );
    return kept * (measured + wide * (score(a) - score(b) - measured)) + noise * random.normal();
  });
}

/**
 * The interval of a mean score over trainings with several seeds: 95 % over draws of groups, with the scatter that other seeds would have; in [0, 1]. With
 * one group nothing is known about others.
 */
export function scoreInterval(
  trainings: readonly (readonly SampleCounts[])[],
  statistic: Statistic,
  random: Random,
): [low: number, high: number] {
  if (trainings.length === 0) return [Number.NaN, Number.NaN];
  const groups = groupsOf(trainings[0]);
  if (groups < 2) return [0, 1];
  const scores = trainings.map((own) => scoreOf(own, statistic));
  const noise = Math.sqrt(seedVariance([scores]) / trainings.length);
  const measured = mean(scores);
  const wide = widening(groups);
  const draws = Array.from({ length: DRAWS }, () => {
    const drawn = drawGroups(trainings[0], random);
    const score = mean(
      trainings.map((own) =>
        scoreOf(
          drawn.map((i) => own[i]),
          statistic,
        ),
      ),
    );
    return measured + wide * (score - measured) + noise * random.normal();
  });
  const [low, high] = intervalOf(draws);
  return [Math.max(0, low), Math.min(1, high)];
}

const groupsOf = (samples: readonly SampleCounts[]): number => new Set(samples.map(({ group }) => group)).size;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
