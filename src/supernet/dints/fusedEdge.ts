/**
 * @file A relaxed edge of DiNTS as one operator: `native/kernels` computes what `edge.ts` composes, with direct convolutions, norms taken while their
 * input is written, and one pass for the weighted sum. For images and volumes on the CPU; other devices take the composition.
 */
import { operator } from '../../engine/call.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { NORM_EPSILON, type Precision } from '../../nn/layers.ts';
import type { KeptMemory } from '../keptMemory.ts';

/** An operator of an edge by its tensors: convolutions one after the other, and the norm. */
export interface OperatorWeights {
  readonly weights: readonly Tensor[];
  readonly scale: Tensor;
  readonly shift: Tensor;
}

/** Whether the kernels take this input of an edge. */
export const isFusibleEdge = (x: Tensor): boolean =>
  x.device === 'cpu' && (x.dtype === 'float32' || x.dtype === 'float64');

/**
 * `mixture[0] x + sum_k mixture[k] o_k(relu(x))`. @paper dints section 3
 * @param mixture weights of the identity and of the operators, `[1 + operators]`
 * @param memory balanced keeps what the norms read, small the input alone
 */
export const fusedEdge = (
  x: Tensor,
  mixture: Tensor,
  operators: readonly OperatorWeights[],
  memory: KeptMemory,
  products: Precision = 'float32',
  epsilon = NORM_EPSILON,
): Tensor =>
  operator('espalier::relaxed_edge').one(
    x,
    mixture,
    operators.flatMap(({ weights }) => weights),
    operators.map(({ scale }) => scale),
    operators.map(({ shift }) => shift),
    operators.map(({ weights }) => weights.length),
    epsilon,
    KEPT[memory],
    products === 'bfloat16',
  );

const KEPT = { small: 0, balanced: 1, fast: 2 } as const;
