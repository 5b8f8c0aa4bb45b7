/**
 * @file The mixed operator: on an edge all operators at once, weighted by their probabilities. @paper auto-deeplab eq. 2-3
 * {@link mixedOp} is the equation itself, one edge at a time: what tests hold the faster forms to, values and gradients. Which of them a search runs is
 * said in `cell.ts`; {@link applyOperator} is what runs where operators are sampled.
 */
import { operator } from '../engine/call.ts';
import * as op from '../engine/operators.ts';
import type { Tensor } from '../engine/tensor.ts';
import { epsilonOf, NORM_EPSILON, samePadding } from '../nn/layers.ts';
import type { ParameterSet } from '../nn/parameters.ts';
import { synchronisedNorm } from '../nn/synchronisedNorm.ts';
import { OPERATOR_NAMES, OPERATORS, type OperatorName } from '../space/operators.ts';

/** Depthwise `[channels, 1, ...kernel]` and pointwise `[channels, channels, ...1]`. */
export interface SeparableWeights {
  readonly depthwise: Tensor;
  readonly pointwise: Tensor;
}

/** Weights of the operators of an edge that have any: two pairs for separable ones, a dense kernel or one pair for atrous ones. */
export type EdgeWeights = Readonly<Partial<Record<OperatorName, readonly SeparableWeights[] | Tensor>>>;

/** Scale and shift of a norm, `[channels]` each. */
export interface Affine {
  readonly scale: Tensor;
  readonly shift: Tensor;
}

/** Scales and shifts of an edge's operators, one for each of their convolutions' norms; empty where norms have none. */
export type EdgeAffines = Readonly<Partial<Record<OperatorName, readonly Affine[]>>>;

/** Norm of the search: batch statistics always. By default without scale and shift, so that alphas are comparable. */
export const searchNormalise = (x: Tensor, affine?: Affine, epsilon = NORM_EPSILON): Tensor =>
  op.batchNorm(x, affine?.scale ?? null, affine?.shift ?? null, null, null, true, 0, epsilon);

/** The same for the weights of `set`, whose origin may say that several processes share a batch; then `scale` and `shift`, `[channels]` each. */
export function createSearchNorm(
  set: Pick<ParameterSet, 'origin'>,
): (x: Tensor, scale?: Tensor | null, shift?: Tensor | null) => Tensor {
  const epsilon = epsilonOf(set);
  const { sumOverRanks } = set.origin;
  return (x, scale = null, shift = null) =>
    sumOverRanks
      ? synchronisedNorm(x, { ...STATELESS, epsilon, weight: scale, bias: shift, sumOverRanks })
      : op.batchNorm(x, scale, shift, null, null, true, 0, epsilon);
}

const STATELESS = { mean: null, variance: null, momentum: 0 };

/** `sum_k p_k o_k(x)`; zero is never computed. @paper auto-deeplab eq. 2 */
export function mixedOp(
  x: Tensor,
  weights: EdgeWeights,
  probabilities: readonly Tensor[],
  affines: EdgeAffines = {},
): Tensor {
  let sum: Tensor | undefined;
  OPERATOR_NAMES.forEach((name, k) => {
    if (name === 'zero') return;
    const output = applyOperator(name, x, weights, affines);
    sum =
      sum === undefined
        ? op.multiply(output, probabilities[k])
        : operator('aten::addcmul').one(sum, output, probabilities[k], 1);
  });
  return sum as Tensor;
}

/** One operator at stride 1, as the search runs it. Norms of pools never have scale and shift, as in DARTS; `epsilon` is that of all norms. */
export function applyOperator(
  name: Exclude<OperatorName, 'zero'>,
  x: Tensor,
  weights: EdgeWeights,
  affines: EdgeAffines = {},
  epsilon = NORM_EPSILON,
): Tensor {
  const { kind, kernel } = OPERATORS[name];
  const [own, affine = []] = [weights[name], affines[name]];
  switch (kind) {
    case 'separable':
      return (own as readonly SeparableWeights[]).reduce(
        (value, pair, i) => separable(value, pair, kernel, 1, affine[i], epsilon),
        x,
      );
    case 'atrous':
      if (Array.isArray(own)) return separable(x, own[0], kernel, 2, affine[0], epsilon);
      return searchNormalise(convolve(op.relu(x), own as Tensor, kernel, 2, 1), affine[0], epsilon);
    case 'averagePool':
      return searchNormalise(op.averagePool(x, kernel, 1, samePadding(kernel, 1)), undefined, epsilon);
    case 'maxPool':
      return searchNormalise(op.maxPool(x, kernel, 1, samePadding(kernel, 1)), undefined, epsilon);
    case 'skip':
      return x;
    default:
      return kind satisfies never;
  }
}

/** ReLU, depthwise, pointwise, norm. */
function separable(
  x: Tensor,
  { depthwise, pointwise }: SeparableWeights,
  kernel: number,
  dilation: number,
  affine?: Affine,
  epsilon?: number,
): Tensor {
  const filtered = convolve(op.relu(x), depthwise, kernel, dilation, x.shape[1]);
  return searchNormalise(convolve(filtered, pointwise, 1, 1, 1), affine, epsilon);
}

/** Convolution at stride 1 that keeps the size, of any rank. */
export function convolve(x: Tensor, weight: Tensor, kernel: number, dilation: number, groups: number): Tensor {
  const all = (value: number) => Array<number>(x.shape.length - 2).fill(value);
  return op.convolution(x, weight, null, all(1), all(samePadding(kernel, dilation)), all(dilation), groups);
}
