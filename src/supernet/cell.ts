/**
 * @file The relaxed cell: every block reads every earlier state through a mixed operator. @paper auto-deeplab eq. 1 and 5
 *
 * The same cell runs in one of three ways:
 * - `fusedCell.ts`, one operator of `native/operators/relaxedCell.cc`: images on the CPU, with the operators that it knows;
 * - `stateOperators.ts`, all edges that read one state together: GPUs, volumes, other operators, affine norms, partial channels, norms over several
 *   processes;
 * - `applyOperator` of `mixedOp.ts`, one operator an edge: where operators are sampled.
 */
import * as op from '../engine/operators.ts';
import { scope, type Tensor } from '../engine/tensor.ts';
import { epsilonOf, type Pass, type Rank } from '../nn/layers.ts';
import type { ParameterSet } from '../nn/parameters.ts';
import { edgeIndex } from '../space/cell.ts';
import { OPERATOR_NAMES } from '../space/operators.ts';
import type { EdgeProbabilities } from './architecture.ts';
import { fusedResolutionState, isFusible } from './fusedCell.ts';
import { applyOperator, type EdgeWeights } from './mixedOp.ts';
import { bypassPart, joinParts, operatedPart } from './partialChannels.ts';
import { createStateOperators } from './stateOperators.ts';

/** A cell with weights: two inputs of `channels` channels to `blocks * channels`. */
export interface Cell {
  /**
   * The outputs for each last input, weighted by the probability of its move and summed: `cellOutput`, by the fastest way there is.
   * @paper auto-deeplab eq. 6
   * @param moves `[lasts]`
   */
  resolutionState(
    lasts: readonly Tensor[],
    beforeLast: Tensor,
    moves: Tensor,
    probabilities: CellProbabilities,
    pass: Pass,
  ): Tensor;
  /** The blocks' outputs, concatenated. @paper auto-deeplab eq. 5 */
  cellOutput(last: Tensor, beforeLast: Tensor, probabilities: CellProbabilities): Tensor;
  /** The weights of one edge, as views; `block` from 0. */
  edgeWeights(block: number, predecessor: number): EdgeWeights;
}

/** The probabilities of the operators as cells read them, made once for all cells of a pass. */
export interface CellProbabilities extends EdgeProbabilities {
  /** For each state that is read, the rows of its edges: `[readers, operators]`. */
  byState(): readonly Tensor[];
}

/** State s is read by the blocks from s - 1 on (the two inputs by all): the last block by none. */
const firstReader = (state: number) => Math.max(0, state - 1);
const readersOf = (state: number, blocks: number) => blocks - firstReader(state);

/** The table of all edges, `[edges, operators]`, and its rows by state once they are asked for. */
export function cellProbabilities(given: EdgeProbabilities, blocks: number): CellProbabilities {
  let rows: readonly Tensor[] | undefined;
  const { table } = given;
  return {
    ...given,
    byState() {
      rows ??= Array.from({ length: blocks + 1 }, (_, state) =>
        op.stack(
          Array.from({ length: readersOf(state, blocks) }, (_, r) =>
            op.select(table, 0, edgeIndex(firstReader(state) + r, state)),
          ),
          0,
        ),
      );
      return rows;
    },
  };
}

/** Creates the weights of one cell. */
export function createCell(
  set: ParameterSet,
  options: {
    rank: Rank;
    blocks: number;
    channels: number;
    atrous: 'dense' | 'separable';
    /** Default: fast. */
    memory?: 'fast' | 'small';
    /** Default: true. */
    fused?: boolean;
    /** Default: false. */
    affineNorms?: boolean;
    /** Parts of the channels, of which one passes the operators. Default: 1. */
    partialChannels?: number;
  },
): Cell {
  const { rank, blocks, channels, atrous, affineNorms: affine, partialChannels: parts = 1 } = options;
  const operated = channels / parts;
  const states = Array.from({ length: blocks + 1 }, (_, state) =>
    createStateOperators(set.child(`state${state}`), {
      rank,
      channels: operated,
      atrous,
      affine,
      readers: readersOf(state, blocks),
    }),
  );
  const weights = states.flatMap((state) => state.weights);
  const edgeOf = (block: number, state: number) => {
    const reader = block - firstReader(state);
    return { weights: states[state].edgeWeights(reader), affines: states[state].edgeAffines(reader) };
  };
  /** What every state gives to every block, all operators at once; a state's readers are computed together. */
  const mixtures = ({ byState, predecessors }: CellProbabilities) => {
    const contributions: Tensor[] = [];
    return (values: readonly Tensor[], block: number) =>
      values.map((value, state) => {
        contributions[state] ??= states[state].contributions(operatedPart(value, parts), byState()[state]);
        const reader = block - firstReader(state);
        const own = op.slice(contributions[state], 1, reader * operated, (reader + 1) * operated);
        return weighted(own, predecessors, edgeIndex(block, state));
      });
  };
  /** The same through the one operator that each edge has; edges with zero give nothing. @paper gdas section 3.2 */
  const choices =
    ({ table, predecessors }: CellProbabilities, chosen: readonly number[]) =>
    (values: readonly Tensor[], block: number) =>
      values.flatMap((value, state) => {
        const edge = edgeIndex(block, state);
        const name = OPERATOR_NAMES[chosen[edge]];
        if (name === 'zero') return [];
        const { weights, affines } = edgeOf(block, state);
        const weight = op.select(op.select(table, 0, edge), 0, chosen[edge]);
        const output = applyOperator(name, operatedPart(value, parts), weights, affines, epsilonOf(set));
        return [weighted(op.multiply(output, weight), predecessors, edge)];
      });
  const cellOutput: Cell['cellOutput'] = (last, beforeLast, probabilities) => {
    const { chosen } = probabilities;
    const inputsOf = chosen ? choices(probabilities, chosen) : mixtures(probabilities);
    const values = [last, beforeLast];
    for (let block = 0; block < blocks; block++) {
      const sum = blockOutput(inputsOf(values, block), operatedPart(last, parts));
      if (parts === 1) values.push(sum);
      else {
        const round = values.map((value, state) =>
          weighted(bypassPart(value, parts), probabilities.predecessors, edgeIndex(block, state)),
        );
        values.push(joinParts(sum, round.reduce(op.add), parts));
      }
    }
    return op.concat(values.slice(2), 1);
  };
  return {
    cellOutput,
    resolutionState(lasts, beforeLast, moves, probabilities, pass) {
      // The kernels take the statistics of their norms themselves: those of this process.
      const alone = !affine && parts === 1 && !probabilities.chosen && !set.origin.sumOverRanks;
      if (options.fused !== false && alone && isFusible(beforeLast))
        return fusedResolutionState(lasts, beforeLast, moves, probabilities.table, weights, {
          blocks,
          atrous,
          memory: options.memory ?? 'fast',
          products: pass.products,
          epsilon: epsilonOf(set),
        });
      // Made outside the scopes, since all cells read them.
      if (!probabilities.chosen) probabilities.byState();
      // Autograd holds what it needs: the rest of what is made on the way is freed here.
      return lasts
        .map((last, i) => scope(() => op.multiply(cellOutput(last, beforeLast, probabilities), op.select(moves, 0, i))))
        .reduce(op.add);
    },
    edgeWeights: (block, predecessor) => edgeOf(block, predecessor).weights,
  };
}

/** The sum of what all earlier states give to a block; zeros of the size of `state` where none gives anything. @paper auto-deeplab eq. 1 */
export const blockOutput = (inputs: readonly Tensor[], state: Tensor): Tensor =>
  inputs.length > 0 ? inputs.reduce(op.add) : op.zerosLike(state);

/** Times what the edge counts among those of its block; as it is where all count alike. @paper pc-darts section 3.3 */
const weighted = (x: Tensor, predecessors: Tensor | undefined, edge: number): Tensor =>
  predecessors ? op.multiply(x, op.select(predecessors, 0, edge)) : x;
