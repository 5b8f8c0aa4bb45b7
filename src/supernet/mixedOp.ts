/**
 * @file The mixed operator: on an edge all operators at once, weighted by their probabilities. @paper auto-deeplab eq. 2-3
 * Work that needs no weights (ReLU, pools) is done once per state and shared by every edge that reads it; zero is never computed, skip never copied.
 */
import { operator } from '../engine/call.ts';
import * as op from '../engine/operators.ts';
import type { Tensor } from '../engine/tensor.ts';
import { batchNorm, convolution, type Layer, type Pass, type Rank, sequence } from '../nn/layers.ts';
import type { ParameterSet } from '../nn/parameters.ts';
import { OPERATOR_NAMES, OPERATORS, type OperatorName } from '../space/operators.ts';

/** A state of a cell with what its readers share, each computed at its first use. */
export interface SharedState {
  readonly value: Tensor;
  relu(): Tensor;
  averagePool(): Tensor;
  maxPool(): Tensor;
}

/** Norm of the search: batch statistics always, no learned scale or shift, so that alphas are comparable. */
export const searchNorm = (set: ParameterSet, channels: number): Layer =>
  batchNorm(set, { channels, affine: false, track: false });

/** Wraps a state of a cell. */
export function shareState(set: ParameterSet, value: Tensor, pass: Pass): SharedState {
  const norm = searchNorm(set, value.shape[1]);
  const once = (make: () => Tensor) => {
    let made: Tensor | undefined;
    return () => {
      made ??= make();
      return made;
    };
  };
  return {
    value,
    relu: once(() => op.relu(value)),
    averagePool: once(() => norm(op.averagePool(value, 3, 1, 1), pass)),
    maxPool: once(() => norm(op.maxPool(value, 3, 1, 1), pass)),
  };
}

/** An operator of an edge as a function of the shared state it reads; undefined for zero. */
export type EdgeOperator = ((state: SharedState, pass: Pass) => Tensor) | undefined;

/** Creates the weights of every operator of one edge, in the order of the operator table. */
export function createEdgeOperators(
  set: ParameterSet,
  options: { rank: Rank; channels: number; atrous: 'dense' | 'separable' },
): EdgeOperator[] {
  return OPERATOR_NAMES.map((name) => createEdgeOperator(set.child(name), name, options));
}

function createEdgeOperator(
  set: ParameterSet,
  name: OperatorName,
  options: { rank: Rank; channels: number; atrous: 'dense' | 'separable' },
): EdgeOperator {
  const { rank, channels } = options;
  const { kind, kernel } = OPERATORS[name];
  const same = { rank, inputs: channels, outputs: channels };
  // Each starts after its ReLU, which the state shares.
  const separable = (part: string, dilation: number) =>
    sequence(
      convolution(set.child(`${part}.depthwise`), { ...same, kernel, dilation, groups: channels }),
      convolution(set.child(`${part}.pointwise`), { ...same, kernel: 1 }),
      searchNorm(set, channels),
    );
  switch (kind) {
    case 'separable': {
      const [first, second] = [separable('0', 1), separable('1', 1)];
      return (state, pass) => second(op.relu(first(state.relu(), pass)), pass);
    }
    case 'atrous': {
      const layer =
        options.atrous === 'separable'
          ? separable('0', 2)
          : sequence(convolution(set, { ...same, kernel, dilation: 2 }), searchNorm(set, channels));
      return (state, pass) => layer(state.relu(), pass);
    }
    case 'averagePool':
      return (state) => state.averagePool();
    case 'maxPool':
      return (state) => state.maxPool();
    case 'skip':
      return (state) => state.value;
    case 'zero':
      return undefined;
    default:
      return kind satisfies never;
  }
}

/**
 * `sum + sum_k p_k o_k(x)`: the relaxed operator of one edge, added to what the block has so far (null for nothing).
 * @param probabilities one 0-dimensional tensor per operator
 */
export function mixedOp(
  operators: readonly EdgeOperator[],
  probabilities: readonly Tensor[],
  state: SharedState,
  pass: Pass,
  sum: Tensor | null,
): Tensor {
  let total = sum;
  operators.forEach((edgeOperator, k) => {
    if (!edgeOperator) return;
    const output = edgeOperator(state, pass);
    total =
      total === null
        ? op.multiply(output, probabilities[k])
        : operator('aten::addcmul').one(total, output, probabilities[k], 1);
  });
  if (total === null) throw new RangeError('an edge needs an operator other than zero');
  return total;
}
