/**
 * @file Architecture parameters of Auto-DeepLab to a genotype: Viterbi over the moves, the strongest edges of the cell. @paper auto-deeplab section 4.3
 */
import { showShort as show } from '../base/text.ts';
import { blocksOf } from '../space/cell.ts';
import { type AutoDeepLabGenotype, createGenotype } from '../space/genotype.ts';
import type { Fail } from '../space/genotypeFields.ts';
import { OPERATOR_NAMES } from '../space/operators.ts';
import { LEVELS, trellisEdges } from '../space/trellis.ts';
import { decodeCell } from './cell.ts';
import { logSoftmax, softmax } from './softmax.ts';
import { viterbi } from './viterbi.ts';

/** Raw logits: `alpha[edge][operator]` and `beta[transition][level left][move]`, null where there is no edge; moves are finer, same, coarser. */
export interface ArchitectureLogits {
  readonly alpha: readonly (readonly number[])[];
  readonly beta: readonly (readonly (readonly (number | null)[])[])[];
}

/** What the logits do not say. */
export interface DecodeOptions {
  readonly filters: number;
  readonly atrous: 'dense' | 'separable';
  readonly rank: 2 | 3;
  readonly provenance?: Readonly<Record<string, string>>;
}

/** Softmax of the moves that leave each node; 0 where there is no edge. @paper auto-deeplab eq. 7 */
export const moveProbabilities = (beta: ArchitectureLogits['beta']): number[][][] =>
  beta.map((levels) =>
    levels.map((moves) => {
      if (moves.every((logit) => logit === null)) return moves.map(() => 0);
      return softmax(moves.map((logit) => logit ?? -Infinity));
    }),
  );

/** The most probable path: one level per layer. Ties go to the finer level. Works on log probabilities, which do not underflow. */
export function decodePath(beta: ArchitectureLogits['beta']): number[] {
  const scores = beta.map((levels) => levels.map((moves) => logSoftmax(moves.map((logit) => logit ?? -Infinity))));
  const { states } = viterbi({
    stages: beta.length,
    states: LEVELS,
    start: 0,
    score: (transition, from, to) => scores[transition][from][to - from + 1] ?? -Infinity,
  });
  return [...states];
}

/** The network that the logits stand for. */
export function decodeAutoDeepLab(logits: ArchitectureLogits, options: DecodeOptions): AutoDeepLabGenotype {
  const blocks = blocksOf(logits.alpha.length) as number;
  return createGenotype({ ...options, path: decodePath(logits.beta), cell: decodeCell(logits.alpha, blocks) });
}

/** Logits from untrusted tables `alpha` `[edges][8]` and `beta` `[layers][4][3]`, null where there is no edge. */
export function parseAutoDeepLabLogits({ alpha, beta }: Record<string, unknown>, fail: Fail): ArchitectureLogits {
  const rows = Array.isArray(alpha) ? alpha : fail('alpha is missing');
  if (blocksOf(rows.length) === undefined)
    fail(`alpha has ${rows.length} rows`, 'a cell of B blocks has B (B + 3) / 2 edges: 2, 5, 9, 14, 20, ...');
  rows.forEach((row: unknown, edge: number) => {
    const size = OPERATOR_NAMES.length;
    const logits = Array.isArray(row) && row.length === size ? row : fail(`alpha[${edge}] has no ${size} numbers`);
    OPERATOR_NAMES.forEach((name, k) => {
      if (!Number.isFinite(logits[k]))
        fail(`alpha[${edge}][${k}] (${name}) is ${show(logits[k])}, expected a finite number`);
    });
  });
  const transitions = Array.isArray(beta) && beta.length > 0 ? beta : fail('beta is missing');
  const exists = new Set(trellisEdges(transitions.length).map(({ layer, from, move }) => `${layer},${from},${move}`));
  transitions.forEach((levels: unknown, t: number) => {
    if (!Array.isArray(levels) || levels.length !== LEVELS) fail(`beta[${t}] has no ${LEVELS} levels`);
    (levels as unknown[]).forEach((moves, level) => {
      if (!Array.isArray(moves) || moves.length !== 3) fail(`beta[${t}][${level}] has no 3 moves`);
      (moves as unknown[]).forEach((logit, move) => {
        const edge = exists.has(`${t},${level},${move}`);
        if (edge && !Number.isFinite(logit))
          fail(`beta[${t}][${level}][${move}] is ${show(logit)}, expected a finite number`);
        if (!edge && logit !== null)
          fail(`beta[${t}][${level}][${move}] is ${show(logit)}, but there is no such edge`, 'write null there');
      });
    });
  });
  return { alpha: rows as number[][], beta: transitions as (number | null)[][][] };
}
