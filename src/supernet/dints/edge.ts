/**
 * @file An edge of the supernet of DiNTS: its input brought to the other level, then all operators at once, or one. @paper dints section 2
 * Weights have the names of those of the discrete network in `models/dints.ts`.
 */
import * as op from '../../engine/operators.ts';
import { scope, type Tensor } from '../../engine/tensor.ts';
import { constant, fanInUniform } from '../../nn/initialisers.ts';
import {
  convolution,
  epsilonOf,
  instanceNorm,
  type Layer,
  type Pass,
  type Rank,
  samePadding,
} from '../../nn/layers.ts';
import type { ParameterSet } from '../../nn/parameters.ts';
import { DINTS_OPERATOR_NAMES, DINTS_OPERATORS, type DintsOperator } from '../../space/dints/operators.ts';
import type { LayerEdge } from '../../space/dints/trellis.ts';
import type { KeptMemory } from '../keptMemory.ts';
import { fusedEdge, isFusibleEdge, type OperatorWeights } from './fusedEdge.ts';

/** A node's value, with its ReLU computed once for all that read it. */
export interface NodeValue {
  readonly value: Tensor;
  rectified(): Tensor;
}

/** What an edge computes: all operators by their weights, `[operators]` in the order of `DINTS_OPERATOR_NAMES`, or one by itself. */
export type Mixture = Tensor | DintsOperator;

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

/** How edges are computed. */
export interface EdgeOptions {
  /** False composes them of libtorch's operators also where they could be fused. Default: true. */
  readonly fused?: boolean;
  /** Of fused edges. Default: fast. */
  readonly memory?: KeptMemory;
}

/** Creates the weights of an edge; `channels` gives those of a level. */
export function createEdge(
  set: ParameterSet,
  { from, to }: LayerEdge,
  options: EdgeOptions & { rank: Rank; channels: (level: number) => number },
): EdgeFunction {
  const { rank, fused = true, memory = 'fast' } = options;
  const [inputs, outputs] = [options.channels(from), options.channels(to)];
  const own = set.child(`from${from}to${to}`);
  const epsilon = epsilonOf(set);
  const move = createPreprocessing(own, { rank, inputs, outputs, steps: to - from });
  const names = DINTS_OPERATOR_NAMES[rank];
  const operators = new Map(
    names.flatMap((name) => {
      const { kernels } = DINTS_OPERATORS[name];
      return kernels.length === 0 ? [] : [[name, createOperator(own.child(name), rank, outputs, kernels)]];
    }),
  );
  const weighted = [...operators.values()];
  const outputOf = (name: DintsOperator, moved: NodeValue, weight: Tensor | null) => {
    const weights = operators.get(name);
    if (weights) return operatorOutput(moved.rectified(), weights, weight, epsilon);
    return weight === null ? moved.value : op.multiply(moved.value, weight);
  };
  return (input, mixture, pass) => {
    const isFused = fused && typeof mixture !== 'string' && isFusibleEdge(input.value);
    // Made outside the scope, since other edges read it too.
    if (to > from || (to === from && !isFused && mixture !== 'skip')) input.rectified();
    // Autograd holds what it needs: the rest of what is made on the way is freed here.
    return scope(() => {
      const moved = move(input, pass);
      if (typeof mixture === 'string') return outputOf(mixture, moved, null);
      if (isFused) return fusedEdge(moved.value, mixture, weighted, memory, pass.products, epsilon);
      return names.map((name, k) => outputOf(name, moved, op.select(mixture, 0, k))).reduce(op.add);
    });
  };
}

/** The weights of convolutions in the memory order of the kernels, and of a norm. */
function createOperator(
  set: ParameterSet,
  rank: Rank,
  channels: number,
  kernels: readonly (number | readonly number[])[],
): OperatorWeights {
  const weights = kernels.map((kernel, i) => {
    const sides = typeof kernel === 'number' ? Array<number>(rank).fill(kernel) : kernel;
    return set.child(i).weight('weight', [channels, channels, ...sides], fanInUniform(2), { order: 'outputsLast' });
  });
  const norm = set.child('norm');
  return {
    weights,
    scale: norm.weight('weight', [channels], constant(1), { decay: false }),
    shift: norm.weight('bias', [channels], constant(0), { decay: false }),
  };
}

/** Convolutions and a norm; `weight` (null stands for 1) scales the norm's parameters, which costs nothing, instead of the output. */
function operatorOutput(
  rectified: Tensor,
  { weights, scale, shift }: OperatorWeights,
  weight: Tensor | null,
  epsilon: number,
): Tensor {
  const filtered = weights.reduce((value, filter) => {
    const sides = filter.shape.slice(2);
    const ones = sides.map(() => 1);
    return op.convolution(
      value,
      filter,
      null,
      ones,
      sides.map((side) => samePadding(side, 1)),
      ones,
      1,
    );
  }, rectified);
  const scaled = (parameter: Tensor) => (weight === null ? parameter : op.multiply(parameter, weight));
  return op.instanceNorm(filtered, scaled(scale), scaled(shift), epsilon);
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
