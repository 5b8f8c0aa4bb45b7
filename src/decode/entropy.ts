/**
 * @file How decided an architecture is: entropies of its distributions, and the share of skips in what was decoded.
 */
import { blocksOf, edgeIndex } from '../space/cell.ts';
import type { AutoDeepLabGenotype } from '../space/genotype.ts';
import type { AutoDeepLabLogits } from '../space/logits.ts';
import { moveChoices } from './autoDeepLab.ts';
import { entropy, softmax } from './softmax.ts';

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean entropy over the edges of the cell, nats; ln 8 when undecided. */
export const operatorEntropy = (alpha: AutoDeepLabLogits['alpha']): number =>
  mean(alpha.map((row) => entropy(softmax(row))));

/** Mean entropy over the nodes of the trellis that have a choice, nats. */
export const moveEntropy = (logits: Parameters<typeof moveChoices>[0]): number =>
  mean(moveChoices(logits).map(entropy));

/** Mean entropy over the blocks of what their edges count, nats. */
export const predecessorEntropy = (predecessors: readonly number[]): number =>
  mean(
    Array.from({ length: blocksOf(predecessors.length) as number }, (_, block) =>
      entropy(softmax(predecessors.slice(edgeIndex(block, 0), edgeIndex(block + 1, 0)))),
    ),
  );

/** Share of skips among the operators of a decoded cell; above one half speaks of skip collapse. */
export function skipShare(genotype: AutoDeepLabGenotype): number {
  const operators = genotype.cell.flatMap(({ inputs }) => inputs.map(({ operator }) => operator));
  return operators.filter((operator) => operator === 'skip').length / operators.length;
}
