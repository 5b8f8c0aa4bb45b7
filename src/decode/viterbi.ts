/**
 * @file The best sequence of states through a trellis, by dynamic programming. Serves resolutions (Auto-DeepLab) and node sets (DiNTS) alike.
 */
import { ArchitectureError, NumericError } from '../base/errors.ts';

/** The best sequence and the sum of its scores. */
export interface BestSequence {
  /** One state per stage. */
  readonly states: readonly number[];
  readonly score: number;
}

/**
 * Maximises the sum of `score(stage, from, to)` over sequences of `stages` states, each in `[0, states)`. At stage 0 `from` is `start`.
 * Give log probabilities to find the most probable sequence. Where the first state is free too (DiNTS: the node set before layer 0), add a stage whose scores are all 0.
 * A score of -Infinity means no edge. Of equal sequences the one with the lower state at the earliest difference is taken.
 * @throws NumericError when a score is NaN or +Infinity, ArchitectureError when no sequence exists.
 */
export function viterbi(options: {
  stages: number;
  states: number;
  start: number;
  score: (stage: number, from: number, to: number) => number;
}): BestSequence {
  const { stages, states, start, score } = options;
  // Backwards: best[state] is the best sum from a state after `stage` to the end. Going forward then takes the lowest state among equals.
  let best = Array<number>(states).fill(0);
  const choices: number[][] = [];
  for (let stage = stages - 1; stage >= 0; stage--) {
    const sources = stage === 0 ? [start] : Array.from({ length: states }, (_, state) => state);
    const next = Array<number>(states).fill(Number.NEGATIVE_INFINITY);
    const choice = Array<number>(states).fill(-1);
    for (const from of sources) {
      for (let to = 0; to < states; to++) {
        const value = checked(score(stage, from, to), stage, from, to) + best[to];
        if (value > next[from]) {
          next[from] = value;
          choice[from] = to;
        }
      }
    }
    best = next;
    choices.unshift(choice);
  }
  const sequence: number[] = [];
  let state = start;
  for (const choice of choices) {
    if (choice[state] < 0)
      throw new ArchitectureError('no path leads through the trellis: every sequence has an edge of probability 0');
    state = choice[state];
    sequence.push(state);
  }
  return { states: sequence, score: stages === 0 ? 0 : best[start] };
}

function checked(value: number, stage: number, from: number, to: number): number {
  if (Number.isNaN(value) || value === Number.POSITIVE_INFINITY)
    throw new NumericError(`the score from ${from} to ${to} at stage ${stage} is ${value}`);
  return value;
}
