/**
 * @file The race, as it reads: candidates train a little, a third continues, children of the good ones join, and at the end the best are trained to the
 * end beside the best network made by hand. Successive halving (Jamieson, Talwalkar 2016, arXiv 1502.07943) over real trainings, with one mutation or
 * crossing a child (Real et al. 2019, arXiv 1802.01548).
 *
 * Everything follows from the plan, the first candidates and what the trainer answers: no clock is read and no file is known here. A race that was ended
 * is run again with the answers so far, and reaches the same result.
 */

import { appendAll } from '../base/lists.ts';
import type { Random } from '../base/random.ts';
import type { Candidate, Fit } from './candidate.ts';
import { type CheapScore, cheapValue, findCheapScore } from './cheapScores.ts';
import { breed } from './mutate.ts';
import { type RacePlan, type Rung, survivors } from './rungs.ts';

/** What a training reached when it was judged. */
export interface Reading {
  /** Score on held-out samples with averaged weights: mean IoU of images, mean Dice of volumes, in [0, 1]; NaN where it diverged. */
  readonly score: number;
  /** Loss on the same samples. */
  readonly loss: number;
  /** Mean training loss of equal parts of the steps since the last judgement, in order. */
  readonly curve: readonly number[];
}

/** A candidate of a rung with what it reached. */
export interface Standing {
  readonly candidate: Candidate;
  readonly reading: Reading;
}

/** A rung that was run: every candidate, the best first, and the ids of those that went on. */
export interface RungResult {
  readonly rung: Rung;
  readonly standings: readonly Standing[];
  readonly survivors: readonly string[];
  /** What chooses among children, where the first rung showed that it ranks networks. */
  readonly cheap?: CheapScore;
}

/** A finalist and what each of its trainings reached, by seed. */
export interface Finalist<Final> {
  readonly candidate: Candidate;
  readonly finals: readonly Final[];
}

/** What a race found. */
export interface RaceResult<Final> {
  readonly rungs: readonly RungResult[];
  readonly finalists: readonly Finalist<Final>[];
}

/** How candidates are trained; several may be asked for at once. */
export interface Trainer<Final> {
  /** Begins or continues the training of a candidate up to `steps` steps at a constant rate, and judges it. */
  continueTraining(candidate: Candidate, steps: number): Promise<Reading>;
  /** Trains a candidate to the end with a seed, where the rate decays; seed 0 continues what the race trained. */
  finish(candidate: Candidate, seed: number): Promise<Final>;
}

/** Follows a race. */
export interface RaceWatcher {
  rung?(result: RungResult, index: number): void;
  finalists?(candidates: readonly Candidate[]): void;
}

/** Runs a race from its first candidates to its finalists. */
export async function race<Final>(
  plan: RacePlan,
  seeds: readonly Candidate[],
  trainer: Trainer<Final>,
  ways: { readonly fit: Fit; readonly random: Random; readonly watcher?: RaceWatcher },
): Promise<RaceResult<Final>> {
  const { fit, random, watcher } = ways;
  const rungs: RungResult[] = [];
  const everyone = [...seeds];
  let running: readonly Candidate[] = seeds;
  let cheap: CheapScore | undefined;

  for (const [index, rung] of plan.rungs.entries()) {
    const readings = await Promise.all(running.map((candidate) => trainer.continueTraining(candidate, rung.steps)));
    const standings = ranked(running.map((candidate, i) => ({ candidate, reading: readings[i] })));
    const next = plan.rungs[index + 1];
    const kept = next ? chooseSurvivors(standings, survivors(standings.length)) : [];
    if (index === 0)
      cheap = findCheapScore(
        running,
        readings.map(({ score }) => score),
      );
    const result = { rung, standings, survivors: kept.map(({ id }) => id), ...(cheap ? { cheap } : {}) };
    rungs.push(result);
    watcher?.rung?.(result, index);
    if (!next) break;
    const filter = cheap;
    const prefer = filter && ((child: Candidate) => cheapValue(filter, child));
    // What decides first: operators change only in the children of the last rung.
    const macro = index + 2 < plan.rungs.length;
    const children = breed(kept, everyone, { count: next.children, macro, fit, random, ...(prefer ? { prefer } : {}) });
    appendAll(everyone, children);
    running = [...kept, ...children];
  }

  const finalists = chooseFinalists(rungs[rungs.length - 1].standings, plan.finalists);
  watcher?.finalists?.(finalists);
  const trainings = finalists.map((candidate) =>
    Promise.all(Array.from({ length: plan.seeds }, (_, seed) => trainer.finish(candidate, seed))),
  );
  const finals = await Promise.all(trainings);
  return { rungs, finalists: finalists.map((candidate, i) => ({ candidate, finals: finals[i] })) };
}

/** The best first; of equal scores the one with less loss, then the older one. A training that diverged comes last. */
export function ranked(standings: readonly Standing[]): Standing[] {
  const value = (number: number) => (Number.isFinite(number) ? number : Number.NEGATIVE_INFINITY);
  return [...standings].sort(
    (a, b) =>
      compare(value(b.reading.score), value(a.reading.score)) ||
      compare(value(-b.reading.loss), value(-a.reading.loss)) ||
      (a.candidate.id < b.candidate.id ? -1 : 1),
  );
}

const compare = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1);

/** The best, with one place for the steepest curve and one for the best hand-made network where they are not among them. Those that diverged never. */
export function chooseSurvivors(standings: readonly Standing[], places: number): Candidate[] {
  const sound = standings.filter(({ reading }) => Number.isFinite(reading.score));
  const chosen = new Set<Standing>();
  const hand = sound.find(({ candidate }) => candidate.origin === 'hand-made');
  if (hand) chosen.add(hand);
  if (places > 3) {
    const leaders = sound.slice(0, places - chosen.size - 1);
    const others = sound.filter((standing) => !leaders.includes(standing) && !chosen.has(standing));
    const [steepest] = [...others].sort((a, b) => compare(steepness(b.reading), steepness(a.reading)));
    if (steepest) chosen.add(steepest);
  }
  for (const standing of sound) if (chosen.size < places) chosen.add(standing);
  return sound.filter((standing) => chosen.has(standing)).map(({ candidate }) => candidate);
}

/** By what share of itself the training loss fell from the first to the second half of the last steps. */
export function steepness({ curve }: Reading): number {
  const middle = Math.floor(curve.length / 2);
  if (middle === 0) return 0;
  const mean = (part: readonly number[]) => part.reduce((sum, value) => sum + value, 0) / part.length;
  const [before, after] = [mean(curve.slice(0, middle)), mean(curve.slice(-middle))];
  const fallen = (before - after) / before;
  return Number.isFinite(fallen) ? fallen : 0;
}

/** The best ones, the best hand-made network among them. */
export function chooseFinalists(standings: readonly Standing[], count: number): Candidate[] {
  const sound = standings.filter(({ reading }) => Number.isFinite(reading.score));
  const hand = sound.find(({ candidate }) => candidate.origin === 'hand-made');
  const others = sound.filter((standing) => standing !== hand).slice(0, hand ? count - 1 : count);
  const chosen = new Set(hand ? [...others, hand] : others);
  return sound.filter((standing) => chosen.has(standing)).map(({ candidate }) => candidate);
}
