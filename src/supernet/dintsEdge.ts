/**
 * @file An edge of the supernet of DiNTS: its input brought to the other level, then all operators at once, or one. @paper dints section 2
 * Weights have the names of those of the discrete network in `models/dints.ts`.
 */
import * as op from '../engine/operators.ts';
import { scope, type Tensor } from '../engine/tensor.ts';
import { convolution, instanceNorm, type Layer, type Pass, type Rank } from '../nn/layers.ts';
import type { ParameterSet } from '../nn/parameters.ts';
import { DINTS_OPERATOR_NAMES, DINTS_OPERATORS, type DintsOperator } from '../space/dintsOperators.ts';
import type { LayerEdge } from '../space/dintsTrellis.ts';

/** A node's value, with its ReLU computed once for all that read it. */
export interface NodeValue {
  readonly value: Tensor;
  rectified(): Tensor;
}

/** The operators that are computed, each with the weight of its output, one element; null stands for 1. */
export type Mixture = readonly { readonly operator: DintsOperator; readonly weight: Tensor | null }[];

/** What an edge adds to the node it feeds: `sum_k w_k o_k(preprocess(x))`. */
export type EdgeFunction = (input: NodeValue, mixture: Mixture, pass: Pass) => Tensor;

export function nodeValue(value: Tensor): NodeValue {
  let known: Tensor | undefined;
  return {
    value,
    rectified() {
      known ??= op.relu(value);
      return known;
    },
  };
}

/** Creates the weights of an edge; `channels` gives those of a level. */
export function createEdge(
  set: ParameterSet,
  { from, to }: LayerEdge,
  options: { rank: Rank; channels: (level: number) => number },
): EdgeFunction {
  const { rank } = options;
  const [inputs, outputs] = [options.channels(from), options.channels(to)];
  const own = set.child(`from${from}to${to}`);
  const move = createPreprocessing(own, { rank, inputs, outputs, steps: to - from });
  const operators = new Map(
    DINTS_OPERATOR_NAMES[rank].flatMap((name) => {
      const { kernels } = DINTS_OPERATORS[name];
      return kernels.length === 0 ? [] : [[name, createOperator(own.child(name), rank, outputs, kernels)]];
    }),
  );
  return (input, mixture, pass) => {
    // Made outside the scope, since other edges read it too.
    if (to > from || (to === from && mixture.some(({ operator }) => operators.has(operator)))) input.rectified();
    // Autograd holds what it needs: the rest of what is made on the way is freed here.
    return scope(() => {
      const moved = move(input, pass);
      const terms = mixture.map(({ operator, weight }) => {
        const compute = operators.get(operator);
        if (compute) return compute(moved.rectified(), weight, pass);
        return weight === null ? moved.value : op.multiply(moved.value, weight);
      });
      return terms.reduce(op.add);
    });
  };
}

type WeightedOperator = (rectified: Tensor, weight: Tensor | null, pass: Pass) => Tensor;

/** Convolutions and a norm; the weight of the output scales the norm's parameters, which costs nothing, instead of its output. */
function createOperator(
  set: ParameterSet,
  rank: Rank,
  channels: number,
  kernels: readonly (number | readonly number[])[],
): WeightedOperator {
  const filters = kernels.map((kernel, i) =>
    convolution(set.child(i), { rank, inputs: channels, outputs: channels, kernel }),
  );
  const normalise = instanceNorm(set.child('norm'), { channels });
  return (rectified, weight, pass) =>
    normalise(
      filters.reduce((value, filter) => filter(value, pass), rectified),
      pass,
      weight,
    );
}

/** Brings a node to another level: down by two strided halves, up by doubling and a 1x1; the same level stays as it is. */
function createPreprocessing(
  set: ParameterSet,
  options: { rank: Rank; inputs: number; outputs: number; steps: number },
): (input: NodeValue, pass: Pass) => NodeValue {
  const { rank, inputs, outputs, steps } = options;
  if (steps === 0) return (input) => input;
  if (steps < 0) {
    const up = set.child('up');
    const filter = convolution(up.child('convolution'), { rank, inputs, outputs, kernel: 1 });
    const normalise = instanceNorm(up.child('norm'), { channels: outputs });
    return ({ value }, pass) => {
      const doubled = op.resize(
        value,
        value.shape.slice(2).map((length) => 2 * length),
      );
      return nodeValue(normalise(filter(op.relu(doubled), pass), pass));
    };
  }
  const down = set.child('down');
  const half = { rank, inputs, outputs: outputs / 2, kernel: 1, stride: 2 };
  const even: Layer = convolution(down.child('even'), half);
  const odd: Layer = convolution(down.child('odd'), half);
  const normalise = instanceNorm(down.child('norm'), { channels: outputs });
  return (input, pass) => {
    const rectified = input.rectified();
    const parts = [even(rectified, pass), odd(op.shift(rectified), pass)];
    return nodeValue(normalise(op.concat(parts, 1), pass));
  };
}
