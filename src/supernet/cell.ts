/**
 * @file The relaxed cell: every block reads every earlier state through a mixed operator. @paper auto-deeplab eq. 1 and 5
 */
import * as op from '../engine/operators.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { Pass, Rank } from '../nn/layers.ts';
import type { ParameterSet } from '../nn/parameters.ts';
import { edgeIndex } from '../space/cell.ts';
import { createEdgeOperators, type EdgeOperator, mixedOp, type SharedState, shareState } from './mixedOp.ts';

/** Operator probabilities cut into scalars: `[edge][operator]`, each a 0-dimensional tensor. */
export type EdgeProbabilities = readonly (readonly Tensor[])[];

/** A cell with weights: two inputs of `channels` channels to `blocks * channels`. */
export interface Cell {
  cellOutput(last: Tensor, beforeLast: Tensor, probabilities: EdgeProbabilities, pass: Pass): Tensor;
}

/** Creates the weights of one cell. */
export function createCell(
  set: ParameterSet,
  options: { rank: Rank; blocks: number; channels: number; atrous: 'dense' | 'separable' },
): Cell {
  const { blocks } = options;
  const edges: EdgeOperator[][] = [];
  for (let block = 0; block < blocks; block++) {
    for (let predecessor = 0; predecessor < block + 2; predecessor++) {
      edges[edgeIndex(block, predecessor)] = createEdgeOperators(
        set.child(`block${block + 1}.${predecessor}`),
        options,
      );
    }
  }
  return {
    cellOutput(last, beforeLast, probabilities, pass) {
      const states: SharedState[] = [shareState(set, last, pass), shareState(set, beforeLast, pass)];
      for (let block = 0; block < blocks; block++)
        states.push(shareState(set, blockOutput(block, edges, states, probabilities, pass), pass));
      return op.concat(
        states.slice(2).map((state) => state.value),
        1,
      );
    },
  };
}

/** The sum of the mixed operators from all predecessors of a block. @paper auto-deeplab eq. 1 */
export function blockOutput(
  block: number,
  edges: readonly (readonly EdgeOperator[])[],
  states: readonly SharedState[],
  probabilities: EdgeProbabilities,
  pass: Pass,
): Tensor {
  let sum: Tensor | null = null;
  for (let predecessor = 0; predecessor < block + 2; predecessor++) {
    const edge = edgeIndex(block, predecessor);
    sum = mixedOp(edges[edge], probabilities[edge], states[predecessor], pass, sum);
  }
  return sum as Tensor;
}
