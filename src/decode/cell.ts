/**
 * @file Decodes the cell: two strongest predecessors of every block, and on each the strongest operator; never zero. @paper auto-deeplab section 4.3
 */
import { NumericError } from '../base/errors.ts';
import { type BlockInput, edgeIndex } from '../space/cell.ts';
import { OPERATOR_NAMES } from '../space/operators.ts';
import { logSoftmax } from './softmax.ts';

/** A predecessor with its strongest operator and that operator's probability. */
export interface Strength extends BlockInput {
  readonly strength: number;
}

/**
 * The two distinct predecessors of `block` (from 0) with the largest probability of an operator other than zero, in the order of the predecessors.
 * Ties go to the earlier operator and the earlier predecessor.
 * @throws NumericError when a logit is NaN or +Infinity.
 * @param alpha logits `[edges][operators]`
 * @param predecessors logits `[edges]` of what each edge counts among those into its block, where a search had such: a strength is then the product of
 * both probabilities. @paper pc-darts section 3.3
 */
export function strongestPredecessors(
  alpha: readonly (readonly number[])[],
  block: number,
  predecessors?: readonly number[],
): [Strength, Strength] {
  const shares = predecessors && logSoftmax(predecessors.slice(edgeIndex(block, 0), edgeIndex(block + 1, 0)));
  const all = Array.from({ length: block + 2 }, (_, from) =>
    strongestOperator(alpha[edgeIndex(block, from)], from, shares?.[from]),
  );
  const ranked = all.sort((a, b) => b.logStrength - a.logStrength || a.from - b.from);
  const [first, second] = ranked.slice(0, 2).sort((a, b) => a.from - b.from);
  return [withoutLog(first), withoutLog(second)];
}

type Ranked = Strength & { readonly logStrength: number };

const withoutLog = ({ from, operator, strength }: Ranked): Strength => ({ from, operator, strength });

/** Softmax over all operators, then the largest except zero; in logarithms, which still rank when zero has nearly everything. */
function strongestOperator(logits: readonly number[], from: number, logShare = 0): Ranked {
  const logProbabilities = logSoftmax(logits);
  if (logProbabilities.some(Number.isNaN) || Number.isNaN(logShare)) {
    throw new NumericError(`the operator logits of predecessor ${from} are ${logits.join(', ')}`);
  }
  let best = -1;
  OPERATOR_NAMES.forEach((name, k) => {
    if (name !== 'zero' && (best < 0 || logits[k] > logits[best])) best = k;
  });
  const logStrength = logProbabilities[best] + logShare;
  return { from, operator: OPERATOR_NAMES[best], strength: Math.exp(logStrength), logStrength };
}

/** All blocks of a cell as the inputs of a genotype. */
export const decodeCell = (
  alpha: readonly (readonly number[])[],
  blocks: number,
  predecessors?: readonly number[],
): [BlockInput, BlockInput][] =>
  Array.from({ length: blocks }, (_, block): [BlockInput, BlockInput] => {
    const [first, second] = strongestPredecessors(alpha, block, predecessors);
    return [
      { from: first.from, operator: first.operator },
      { from: second.from, operator: second.operator },
    ];
  });
