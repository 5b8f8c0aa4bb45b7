/**
 * @file A relaxed cell as one operator: `native/kernels` computes what `cell.ts` composes, with one pass over the data per stage and nothing kept that is
 * cheap to compute again. For images on the CPU; volumes and other devices take the composition.
 */
import { operator } from '../engine/call.ts';
import type { Tensor } from '../engine/tensor.ts';
import { NORM_EPSILON, type Precision } from '../nn/layers.ts';

/** Whether the kernels take this input of a cell. */
export const isFusible = (x: Tensor): boolean =>
  x.shape.length === 4 && x.device === 'cpu' && (x.dtype === 'float32' || x.dtype === 'float64');

/**
 * The outputs of a cell for each last input, weighted and summed. What all of them share is computed once. @paper auto-deeplab eq. 5-6
 * @param moves weight of each last input, `[lasts]`
 * @param probabilities of the operators, `[edges, operators]`
 * @param weights those of the state operators, state by state
 */
export const fusedResolutionState = (
  lasts: readonly Tensor[],
  beforeLast: Tensor,
  moves: Tensor,
  probabilities: Tensor,
  weights: readonly Tensor[],
  options: {
    blocks: number;
    atrous: 'dense' | 'separable';
    memory: 'fast' | 'small';
    products?: Precision;
    epsilon?: number;
  },
): Tensor =>
  operator('espalier::relaxed_cell').one(
    lasts,
    beforeLast,
    moves,
    probabilities,
    weights,
    options.blocks,
    options.atrous === 'dense',
    options.epsilon ?? NORM_EPSILON,
    options.memory === 'fast',
    options.products === 'bfloat16',
  );
