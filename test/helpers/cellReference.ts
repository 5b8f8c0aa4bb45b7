/** @file A relaxed cell of Auto-DeepLab as tensors: its leaves, the composition that the fused operator is held to, and the fused operator on them. */
import { requireGradient } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import type { DType, Tensor } from '../../src/engine/tensor.ts';
import type { Precision } from '../../src/nn/layers.ts';
import { edgeCount, edgeIndex } from '../../src/space/cell.ts';
import { OPERATOR_NAMES } from '../../src/space/operators.ts';
import { fusedResolutionState } from '../../src/supernet/fusedCell.ts';
import { mixedOp } from '../../src/supernet/mixedOp.ts';

const generator = new Generator(11);

export interface CellShape {
  readonly lasts: number;
  readonly batch: number;
  readonly channels: number;
  readonly size: readonly [number, number];
  readonly blocks: number;
  readonly atrous: 'dense' | 'separable';
}

/** A cell's tensors, every one a leaf; weights in the order that the operator takes them, state by state. */
export function createCellLeaves({ lasts, batch, channels, size, blocks, atrous }: CellShape, dtype: DType) {
  const leaf = (shape: readonly number[], scale = 1) =>
    requireGradient(op.detach(op.scale(op.randn(shape, generator.id, dtype), scale)));
  const weights: Tensor[] = [];
  for (let state = 0; state <= blocks; state++) {
    const wide = (blocks - Math.max(0, state - 1)) * channels;
    const pair = (kernel: number) => {
      weights.push(leaf([wide, 1, kernel, kernel], 1 / kernel), leaf([wide, channels, 1, 1], channels ** -0.5));
    };
    for (const kernel of [3, 3, 5, 5]) pair(kernel);
    for (const kernel of [3, 5]) {
      if (atrous === 'separable') pair(kernel);
      else weights.push(leaf([wide, channels, kernel, kernel], channels ** -0.5 / kernel));
    }
  }
  return {
    lasts: Array.from({ length: lasts }, () => leaf([batch, channels, ...size])),
    beforeLast: leaf([batch, channels, ...size]),
    moves: leaf([lasts]),
    logits: leaf([edgeCount(blocks), OPERATOR_NAMES.length]),
    weights,
  };
}

export type CellLeaves = ReturnType<typeof createCellLeaves>;

/** The cells edge by edge, operator by operator. */
export function plainCell(
  { lasts, beforeLast, moves, weights, logits }: CellLeaves,
  { channels, blocks, atrous }: CellShape,
): Tensor {
  const probabilities = op.softmax(logits, 1);
  const perState = atrous === 'dense' ? 10 : 12;
  const edge = (x: Tensor, state: number, block: number) => {
    const reader = block - Math.max(0, state - 1);
    const own = weights
      .slice(state * perState, (state + 1) * perState)
      .map((weight) => op.slice(weight, 0, reader * channels, (reader + 1) * channels));
    const pair = (first: number) => ({ depthwise: own[first], pointwise: own[first + 1] });
    const row = op.select(probabilities, 0, edgeIndex(block, state));
    return mixedOp(
      x,
      {
        sep3x3: [pair(0), pair(2)],
        sep5x5: [pair(4), pair(6)],
        atrous3x3: atrous === 'dense' ? own[8] : [pair(8)],
        atrous5x5: atrous === 'dense' ? own[9] : [pair(10)],
      },
      OPERATOR_NAMES.map((_, k) => op.select(row, 0, k)),
    );
  };
  return lasts
    .map((last, i) => {
      const values = [last, beforeLast];
      for (let block = 0; block < blocks; block++)
        values.push(values.map((value, state) => edge(value, state, block)).reduce(op.add));
      return op.multiply(op.concat(values.slice(2), 1), op.select(moves, 0, i));
    })
    .reduce(op.add);
}

export const fusedCell = (
  { lasts, beforeLast, moves, weights, logits }: CellLeaves,
  shape: CellShape,
  memory: 'fast' | 'small' = 'fast',
  products: Precision = 'float32',
): Tensor =>
  fusedResolutionState(lasts, beforeLast, moves, op.softmax(logits, 1), weights, { ...shape, memory, products });

/** All leaves, in the order of the operator's inputs. */
export const allLeaves = ({ lasts, beforeLast, moves, logits, weights }: CellLeaves) => [
  ...lasts,
  beforeLast,
  moves,
  logits,
  ...weights,
];
