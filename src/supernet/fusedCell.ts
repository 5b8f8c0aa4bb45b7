/**
 * @file A relaxed cell as one operator: `native/kernels` computes what `cell.ts` composes, with one pass over the data per stage and nothing kept that is
 * cheap to compute again. For pictures on the CPU; volumes and other devices take the composition.
 */
import { operator } from '../engine/call.ts';
import type { Tensor } from '../engine/tensor.ts';
import { SEARCH_EPSILON } from './mixedOp.ts';

/** Whether the kernels take this input of a cell. */
export const isFusible = (x: Tensor): boolean =>
  x.shape.length === 4 && x.device === 'cpu' && (x.dtype === 'float32' || x.dtype === 'float64');

/**
 * The blocks' outputs, concatenated. @paper auto-deeplab eq. 5
 * @param probabilities `[edges, operators]`
 * @param weights those of the state operators, state by state
 */
export const fusedCellOutput = (
  last: Tensor,
  beforeLast: Tensor,
  probabilities: Tensor,
  weights: readonly Tensor[],
  options: { blocks: number; atrous: 'dense' | 'separable' },
): Tensor =>
  operator('espalier::relaxed_cell').one(
    last,
    beforeLast,
    probabilities,
    weights,
    options.blocks,
    options.atrous === 'dense',
    SEARCH_EPSILON,
    true,
  );
