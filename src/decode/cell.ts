/**
 * @file Decodes the cell: two strongest predecessors of every block, and on each the strongest operator; never zero. @paper auto-deeplab section 4.3
 */
import { edgeIndex } from '../space/cell.ts';
import type { BlockInput } from '../space/genotype.ts';
import { OPERATOR_NAMES } from '../space/operators.ts';
import { softmax } from './softmax.ts';

/** A predecessor with its strongest operator and that operator's probability. */
export interface Strength extends BlockInput {
  readonly strength: number;
}

/**
 * The two distinct predecessors of `block` (from 0) with the largest probability of an operator other than zero, in the order of the predecessors.
 * Ties go to the earlier operator and the earlier predecessor.
 * @param alpha logits `[edges][operators]`
 */
export function strongestPredecessors(alpha: readonly (readonly number[])[], block: number): [Strength, Strength] {
  const strengths: Strength[] = [];
  for (let from = 0; from < block + 2; from++) strengths.push(strongestOperator(alpha[edgeIndex(block, from)], from));
  const ranked = [...strengths].sort((a, b) => b.strength - a.strength || a.from - b.from);
  const [first, second] = ranked.slice(0, 2).sort((a, b) => a.from - b.from);
  return [first, second];
}

/** Softmax over all operators, then the largest except zero. */
function strongestOperator(logits: readonly number[], from: number): Strength {
  const probabilities = softmax(logits);
  let best = -1;
  OPERATOR_NAMES.forEach((name, k) => {
    if (name !== 'zero' && (best < 0 || probabilities[k] > probabilities[best])) best = k;
  });
  return { from, operator: OPERATOR_NAMES[best], strength: probabilities[best] };
}

/** All blocks of a cell as the inputs of a genotype. */
export const decodeCell = (alpha: readonly (readonly number[])[], blocks: number): [BlockInput, BlockInput][] =>
  Array.from({ length: blocks }, (_, block): [BlockInput, BlockInput] => {
    const [first, second] = strongestPredecessors(alpha, block);
    return [
      { from: first.from, operator: first.operator },
      { from: second.from, operator: second.operator },
    ];
  });
