/**
 * @file Initial values of weights. Drawn on the CPU, so that a seed gives the same network on every device.
 */
import { addNumber, full, rand, randn, scale } from '../engine/operators.ts';
import { scope, type Tensor } from '../engine/tensor.ts';

/** Makes the first value of a weight of a shape `[out, in, ...kernel]` from a generator. */
export type Initialiser = (shape: readonly number[], generator: number) => Tensor;

export const constant =
  (value: number): Initialiser =>
  (shape) =>
    full(shape, value);

/** Normal with mean 0. */
export const normal =
  (deviation: number): Initialiser =>
  (shape, generator) =>
    scope(() => scale(randn(shape, generator), deviation));

/**
 * Uniform with variance `factor / fan-in`: factor 1/3 is the paper's retraining recipe (@paper auto-deeplab section 5), 2 is He's for ReLU networks.
 */
export const fanInUniform =
  (factor = 1 / 3): Initialiser =>
  (shape, generator) =>
    scope(() => {
      const fanIn = shape.slice(1).reduce((product, length) => product * length, 1);
      const bound = Math.sqrt((3 * factor) / fanIn);
      return addNumber(scale(rand(shape, generator), 2 * bound), -bound);
    });

/** Normal with variance `2 / fan-out`: He's initialisation for networks with norms after every convolution. */
export const heNormal = (): Initialiser => (shape, generator) => {
  const fanOut = shape[0] * shape.slice(2).reduce((product, length) => product * length, 1);
  return normal(Math.sqrt(2 / fanOut))(shape, generator);
};
