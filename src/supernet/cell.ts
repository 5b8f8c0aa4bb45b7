/**
 * @file The relaxed cell: every block reads every earlier state through a mixed operator. @paper auto-deeplab eq. 1 and 5
 */
import * as op from '../engine/operators.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { Rank } from '../nn/layers.ts';
import type { ParameterSet } from '../nn/parameters.ts';
import { edgeIndex } from '../space/cell.ts';
import type { EdgeWeights } from './mixedOp.ts';
import { createStateOperators } from './stateOperators.ts';

/** A cell with weights: two inputs of `channels` channels to `blocks * channels`. */
export interface Cell {
  /**
   * The blocks' outputs, concatenated. @paper auto-deeplab eq. 5
   * @param probabilities of the operators, `[edges, operators]`
   */
  cellOutput(last: Tensor, beforeLast: Tensor, probabilities: CellProbabilities): Tensor;
  /** The weights of one edge, as views; `block` from 0. */
  edgeWeights(block: number, predecessor: number): EdgeWeights;
}

/** For each state that is read, the rows of its edges: `[readers, operators]`. */
export type CellProbabilities = readonly Tensor[];

/** State s is read by the blocks from s - 1 on (the two inputs by all): the last block by none. */
const firstReader = (state: number) => Math.max(0, state - 1);
const readersOf = (state: number, blocks: number) => blocks - firstReader(state);

/** The table of all edges, `[edges, operators]`, as rows by state: done once for all cells of a pass. */
export function probabilitiesByState(probabilities: Tensor, blocks: number): CellProbabilities {
  return Array.from({ length: blocks + 1 }, (_, state) => {
    const rows = Array.from({ length: readersOf(state, blocks) }, (_, r) =>
      op.select(probabilities, 0, edgeIndex(firstReader(state) + r, state)),
    );
    return op.stack(rows, 0);
  });
}

/** Creates the weights of one cell. */
export function createCell(
  set: ParameterSet,
  options: { rank: Rank; blocks: number; channels: number; atrous: 'dense' | 'separable' },
): Cell {
  const { rank, blocks, channels, atrous } = options;
  const states = Array.from({ length: blocks + 1 }, (_, state) =>
    createStateOperators(set.child(`state${state}`), { rank, channels, atrous, readers: readersOf(state, blocks) }),
  );
  return {
    cellOutput(last, beforeLast, probabilities) {
      const values = [last, beforeLast];
      const contributions: Tensor[] = [];
      for (let block = 0; block < blocks; block++) {
        for (let state = contributions.length; state < block + 2; state++) {
          contributions.push(states[state].contributions(values[state], probabilities[state]));
        }
        values.push(blockOutput(block, contributions, channels));
      }
      return op.concat(values.slice(2), 1);
    },
    edgeWeights: (block, predecessor) => states[predecessor].edgeWeights(block - firstReader(predecessor)),
  };
}

/** The sum of what all earlier states give to a block. @paper auto-deeplab eq. 1 */
export function blockOutput(block: number, contributions: readonly Tensor[], channels: number): Tensor {
  return contributions
    .map((contribution, state) => {
      const reader = block - firstReader(state);
      return op.slice(contribution, 1, reader * channels, (reader + 1) * channels);
    })
    .reduce(op.add);
}
