/**
 * @file The rungs of a race: how many candidates take how many steps, from the time that there is. Successive halving with eta = 3 (Jamieson, Talwalkar
 * 2016, arXiv 1502.07943); every rung continues the trainings of the one before.
 */
import { ConfigError } from '../base/errors.ts';
import { formatDuration } from '../base/text.ts';

/** One rung. */
export interface Rung {
  /** Steps that each candidate has taken when it is judged, from its first one on. */
  readonly steps: number;
  /** Candidates that begin it, children included. */
  readonly candidates: number;
  /** Of those, new ones that begin from nothing. */
  readonly children: number;
}

/** What is trained, all of it decided before the first step. */
export interface RacePlan {
  readonly rungs: readonly Rung[];
  /** Candidates that are trained to the end: the best ones, and the best hand-made one. */
  readonly finalists: number;
  /** Trainings of each finalist. */
  readonly seeds: number;
  /** Steps of a whole training. */
  readonly steps: number;
}

/** How long things take, in seconds. */
export interface Pace {
  /** One training step. */
  readonly step: number;
  /** What a training costs beside its steps each time that it is started, continued, or judged. */
  readonly start: number;
  /** The scores of a finished training on whole images or volumes. */
  readonly finish: number;
}

/** A third of the candidates continues, among them the steepest curve and the best hand-made network; half as many children join. */
const ETA = 3;
/** Fewest that continue: two and the best hand-made network. */
const FEWEST = 3;
/** A whole training over the last rung: the rate decays in what is beyond. */
const WHOLE = 1.5;
/** The last training over a whole one: what was held out is trained on, and the rate stays high for longer. */
const FINAL = 3;
/** What every thread beyond the first one is assumed to bring to a training. */
const THREAD_GAIN = 0.7;
/** Populations that are tried, the largest first, and the steps of the first rung below which a smaller one is taken. */
const POPULATIONS = [27, 24, 21, 18, 15, 12, 9, 6];
const WANTED_STEPS = 40;
/** With fewer steps in the first rung nothing is judged. */
const FEWEST_STEPS = 8;

/** The rungs of a population whose first one takes `steps`. */
export function rungsOf(population: number, steps: number): RacePlan {
  const rungs: Rung[] = [{ steps, candidates: population, children: 0 }];
  const depth = population >= 18 ? 3 : 2;
  while (rungs.length < depth) {
    const before = rungs[rungs.length - 1];
    const kept = survivors(before.candidates);
    const children = Math.ceil(kept / 2);
    rungs.push({ steps: before.steps * ETA, candidates: kept + children, children });
  }
  return {
    rungs,
    finalists: population >= 12 ? 4 : population >= 9 ? 3 : 2,
    seeds: 2,
    steps: Math.floor(WHOLE * rungs[rungs.length - 1].steps),
  };
}

/** Steps of the last training, that of the returned network on all training samples. */
export const finalSteps = ({ steps }: Pick<RacePlan, 'steps'>): number => FINAL * steps;

/** Candidates that continue after a rung. */
export const survivors = (candidates: number): number =>
  Math.min(candidates, Math.max(FEWEST, Math.ceil(candidates / ETA)));

/** Seconds of every rung, of the finish, and of the last training, with `workers` trainings at a time; the last one has all their threads. */
export function secondsOf(
  plan: RacePlan,
  { step, start, finish }: Pace,
  workers = 1,
): { rungs: number[]; finish: number; last: number; total: number } {
  const rungs = plan.rungs.map(({ steps, candidates, children }, i) => {
    const before = i === 0 ? 0 : plan.rungs[i - 1].steps;
    return (candidates * start + (candidates - children) * (steps - before) * step + children * steps * step) / workers;
  });
  const trained = plan.rungs[plan.rungs.length - 1].steps;
  const trainings = plan.finalists * plan.seeds;
  // The first seed continues what the race trained; the others begin anew.
  const steps = plan.finalists * (plan.steps - trained) + plan.finalists * (plan.seeds - 1) * plan.steps;
  const end = (trainings * (start + finish) + steps * step) / workers;
  const last = start + finish + (finalSteps(plan) * step) / (1 + THREAD_GAIN * (workers - 1));
  return { rungs, finish: end, last, total: rungs.reduce((sum, seconds) => sum + seconds, end + last) };
}

/**
 * The largest race that fits into `seconds` with `workers` trainings at a time: many candidates where the steps of the first rung suffice, else fewer.
 * @throws ConfigError when not even the smallest race can be trained.
 */
export function planRace(seconds: number, pace: Pace, workers = 1, population?: number): RacePlan {
  const firstSteps = (count: number): number => {
    const fixed = secondsOf(rungsOf(count, 0), pace, workers).total;
    const perStep = secondsOf(rungsOf(count, 1000), { ...pace, start: 0, finish: 0 }, workers).total / 1000;
    let steps = Math.floor((seconds - fixed) / perStep);
    while (steps > 0 && secondsOf(rungsOf(count, steps), pace, workers).total > seconds) steps--;
    return steps;
  };
  const counts = population === undefined ? POPULATIONS : [population];
  const count = counts.find((each) => firstSteps(each) >= WANTED_STEPS) ?? counts[counts.length - 1];
  const steps = firstSteps(count);
  if (steps >= FEWEST_STEPS) return rungsOf(count, steps);
  const needed = secondsOf(rungsOf(count, FEWEST_STEPS), pace, workers).total;
  throw new ConfigError(
    `in the ${formatDuration(Math.max(0, seconds))} that are left nothing can be judged: a step takes ${formatDuration(pace.step)} here, and ${count} candidates need ${FEWEST_STEPS} each before the first choice`,
    `give at least ${Math.ceil(needed / 6) / 10} minutes, or lower budget.multiplyAdds, training.batch or training.crop`,
  );
}
