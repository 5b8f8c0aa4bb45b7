/** @file A relaxed edge of DiNTS as tensors: its leaves, the composition that the fused operator is held to, and the fused operator on them. */
import { requireGradient } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import type { DType, Tensor } from '../../src/engine/tensor.ts';
import { type Precision, samePadding } from '../../src/nn/layers.ts';
import { DINTS_OPERATOR_NAMES, DINTS_OPERATORS } from '../../src/space/dints/operators.ts';
import { fusedEdge } from '../../src/supernet/dints/fusedEdge.ts';
import type { KeptMemory } from '../../src/supernet/keptMemory.ts';

const generator = new Generator(12);

export interface EdgeShape {
  readonly batch: number;
  readonly channels: number;
  readonly size: readonly [number, number] | readonly [number, number, number];
}

/** Windows of the convolutions by operator, the identity left out. */
export const kernelsOf = ({ size }: EdgeShape) =>
  DINTS_OPERATOR_NAMES[size.length]
    .slice(1)
    .map((name) =>
      DINTS_OPERATORS[name].kernels.map((kernel) => (typeof kernel === 'number' ? size.map(() => kernel) : kernel)),
    );

/** All tensors as leaves: x, mixture, then of each operator its convolutions, scale and shift. */
export function createEdgeLeaves(shape: EdgeShape, dtype: DType): Tensor[] {
  const { batch, channels, size } = shape;
  const leaf = (sizes: readonly number[], scale = 1) =>
    requireGradient(op.detach(op.scale(op.randn(sizes, generator.id, dtype), scale)));
  const operators = kernelsOf(shape);
  return [
    leaf([batch, channels, ...size]),
    leaf([1 + operators.length]),
    ...operators.flatMap((kernels) => [
      ...kernels.map((sides) => leaf([channels, channels, ...sides], (3 * channels) ** -0.5)),
      leaf([channels]),
      leaf([channels]),
    ]),
  ];
}

/** The leaves by what they are. */
export function edgeParts([x, mixture, ...rest]: readonly Tensor[], shape: EdgeShape) {
  const operators = kernelsOf(shape).map((kernels) => {
    const weights = rest.splice(0, kernels.length);
    const [scale, shift] = rest.splice(0, 2);
    return { weights, scale, shift };
  });
  return { x, mixture, operators };
}

export function fusedEdgeOf(
  leaves: readonly Tensor[],
  shape: EdgeShape,
  memory: KeptMemory = 'fast',
  products: Precision = 'float32',
): Tensor {
  const { x, mixture, operators } = edgeParts(leaves, shape);
  return fusedEdge(x, mixture, operators, memory, products);
}

/** Operator by operator, the norm written out. */
export function plainEdge(leaves: readonly Tensor[], shape: EdgeShape): Tensor {
  const { x, mixture, operators } = edgeParts(leaves, shape);
  const { channels, size } = shape;
  const [ones, axes] = [size.map(() => 1), size.map((_, axis) => axis + 2)];
  const perChannel = (vector: Tensor) => op.reshape(vector, [1, channels, ...ones]);
  const terms = operators.map(({ weights, scale, shift }, k) => {
    const filtered = weights.reduce((value, weight) => {
      const paddings = weight.shape.slice(2).map((side) => samePadding(side, 1));
      return op.convolution(value, weight, null, ones, paddings, ones, 1);
    }, op.relu(x));
    const centred = op.subtract(filtered, op.meanOver(filtered, axes, true));
    const variance = op.meanOver(op.power(centred, 2), axes, true);
    const normal = op.multiply(centred, op.power(op.addNumber(variance, 1e-5), -0.5));
    const output = op.add(op.multiply(normal, perChannel(scale)), perChannel(shift));
    return op.multiply(output, op.select(mixture, 0, k + 1));
  });
  return [op.multiply(x, op.select(mixture, 0, 0)), ...terms].reduce(op.add);
}
