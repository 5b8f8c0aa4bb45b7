/**
 * @file A relaxed edge of DiNTS as one operator: `native/kernels` computes what `edge.ts` composes, with direct convolutions, norms taken while their
 * input is written, and one pass for the weighted sum. For images and volumes on the CPU; other devices take the composition.
 */
import { operator } from '../../engine/call.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { NORM_EPSILON, type Precision } from '../../nn/layers.ts';
import { DINTS_OPERATOR_NAMES, DINTS_OPERATORS, type DintsOperatorParts } from '../../space/dints/operators.ts';
import type { KeptMemory } from '../keptMemory.ts';

/** An operator of an edge by its tensors: convolutions one after the other, and the norm. */
export interface OperatorWeights {
  readonly weights: readonly Tensor[];
  readonly scale: Tensor;
  readonly shift: Tensor;
}

/** Limits of `native/kernels/edge/edge.h`: operators with weights an edge, and convolutions of each; their sides are one or three. */
const [MOST_BRANCHES, MOST_CONVOLUTIONS] = [4, 2];

/** Which operators of an edge the kernels do not compute, in words; none where they compute the edge. They read the skip first. */
export function edgeOperatorsNotFused(
  names: readonly string[],
  operators: Readonly<Record<string, DintsOperatorParts>> = DINTS_OPERATORS,
): string[] {
  const isKnown = (name: string, i: number): boolean => {
    const { kernels } = operators[name];
    if (i === 0 || kernels.length === 0) return i === 0 && kernels.length === 0;
    return kernels.length <= MOST_CONVOLUTIONS && kernels.flat().every((side) => side === 1 || side === 3);
  };
  const differences = names.filter((name, i) => !isKnown(name, i)).map((name) => `operator ${name}`);
  return names.length - 1 > MOST_BRANCHES ? [...differences, `${names.length} operators an edge`] : differences;
}

/** Whether the kernels compute the operators of the space, by its number of axes. */
const COMPUTES_ALL: Readonly<Record<number, boolean>> = {
  2: edgeOperatorsNotFused(DINTS_OPERATOR_NAMES[2]).length === 0,
  3: edgeOperatorsNotFused(DINTS_OPERATOR_NAMES[3]).length === 0,
};

/** Whether the kernels take this input of an edge. */
export const isFusibleEdge = (x: Tensor): boolean =>
  COMPUTES_ALL[x.shape.length - 2] && x.device === 'cpu' && (x.dtype === 'float32' || x.dtype === 'float64');

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
