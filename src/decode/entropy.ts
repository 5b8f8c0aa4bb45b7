/**
 * @file How decided an architecture is: entropies of its distributions, and the share of skips in what was decoded.
 */
import type { AutoDeepLabGenotype } from '../space/genotype.ts';
import { type ArchitectureLogits, moveChoices } from './autoDeepLab.ts';
import { entropy, softmax } from './softmax.ts';

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean entropy over the edges of the cell, nats; ln 8 when undecided. */
export const operatorEntropy = (alpha: ArchitectureLogits['alpha']): number =>
  mean(alpha.map((row) => entropy(softmax(row))));

/** Mean entropy over the nodes of the trellis that have a choice, nats. */
export const moveEntropy = (logits: Parameters<typeof moveChoices>[0]): number =>
  mean(moveChoices(logits).map(entropy));

/** Share of skips among the operators of a decoded cell; above one half speaks of skip collapse. */
export function skipShare(genotype: AutoDeepLabGenotype): number {
  const operators = genotype.cell.flatMap(({ inputs }) => inputs.map(({ operator }) => operator));
  return operators.filter((operator) => operator === 'skip').length / operators.length;
}
