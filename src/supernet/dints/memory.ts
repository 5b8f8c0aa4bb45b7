/**
 * @file What the supernet of DiNTS keeps of a forward pass for the backward pass, counted in elements from shapes. Weights are not counted.
 */

import type { Precision } from '../../nn/layers.ts';
import { preprocessingCost } from '../../space/dints/memory.ts';
import { DINTS_OPERATOR_NAMES, DINTS_OPERATORS } from '../../space/dints/operators.ts';
import { layerEdges } from '../../space/dints/trellis.ts';
import type { CellMemory, PassSize } from '../networkMemory.ts';
import type { DintsSupernetOptions } from './network.ts';

/**
 * Elements that a pass keeps from the images to the last convolution, and what there is at the size of the images from there to the loss and back, which is
 * in float32 whatever the passes compute with.
 */
export function dintsElementsKept(
  options: Omit<DintsSupernetOptions, 'memory'>,
  { batch, size }: PassSize,
  edges: CellMemory,
  products: Precision = 'float32',
): { elements: number; atTheImages: number } {
  const { rank, inputs, classes, layers, levels, filters } = options;
  /** Of the input, shrunk so often by two. */
  const voxels = (halvings: number) => size.reduce((product, side) => product * (side / 2 ** halvings), batch);
  const channels = (level: number) => filters * 2 ** level;
  const convolutions = DINTS_OPERATOR_NAMES[rank].map((name) => DINTS_OPERATORS[name].kernels.length);
  const norms = convolutions.filter((length) => length > 0).length;
  const all = convolutions.reduce((sum, length) => sum + length, 0);
  /** What lies between two convolutions is kept as it is multiplied. */
  const between = (all - norms) / (products === 'bfloat16' ? 2 : 1);
  const ofOperators = { composed: 1 + all, fast: norms + between, balanced: norms, small: 0 }[edges];
  let elements = 0;
  for (const edge of layerEdges(levels))
    elements += layers * channels(edge.to) * voxels(edge.to + 1) * (1 + preprocessingCost(edge, rank) + ofOperators);
  for (let level = 0; level < levels; level++) {
    const half = channels(level) / 2;
    // In: the shrunk images, and of the convolutions what their norms read and their ReLU gives. Out: ReLU, what the norm reads, its doubling.
    elements += (inputs + 2 * half) * voxels(level) + 2 * channels(level) * voxels(level + 1);
    elements += (2 * half + half) * voxels(level + 1) + half * voxels(level);
  }
  const half = filters / 2;
  // Where the backward pass begins, everything is still there, and libtorch's convolutions of whole volumes work on copies in blocks of channels: of what they
  // read, of its gradient and of that of what they gave, beside two of these as they are. The first edges on the way double their values.
  const onTheWay = (3 * Math.max(CHANNEL_BLOCK, half) + 2 * half) * voxels(0) + channels(0) * voxels(1) * all;
  // The last convolution, with its ReLU; logits, log-probabilities, their gradient; and labels of twice the width.
  return { elements, atTheImages: (3 * half + 3 * classes + 2) * voxels(0) + onTheWay };
}

const CHANNEL_BLOCK = 16;
