/** @file Memory layouts of a tensor, and the same values in each of them. */
import { operator } from '../../../src/engine/call.ts';
import * as op from '../../../src/engine/operators.ts';
import type { Tensor } from '../../../src/engine/tensor.ts';

/**
 * How elements lie in memory: row by row; channels last; as some channels of a wider tensor with channels last; with gaps along every axis; with the last
 * two axes swapped; with stride 0 along all spatial axes, which are then constant.
 */
export const LAYOUTS = ['contiguous', 'channelsLast', 'channelSlice', 'gaps', 'swapped', 'expanded'] as const;
export type Layout = (typeof LAYOUTS)[number];

/** Layouts without gaps or shared elements: what operators that change a tensor in place may ask for. */
export const DENSE: readonly Layout[] = ['contiguous', 'channelsLast', 'swapped'];

/** The values that a layout can hold, contiguous: those of `x`, for `expanded` those of its first pixel everywhere. */
export function valuesIn(layout: Layout, x: Tensor): Tensor {
  if (layout !== 'expanded' || x.shape.length < 3) return x;
  return op.contiguous(op.expand(firstPixel(x), x.shape));
}

/** `x`, contiguous and as `valuesIn` gives it, in another layout. What lies between its elements is NaN, or 99 in whole numbers. */
export function laidOut(layout: Layout, x: Tensor): Tensor {
  const { length } = x.shape;
  if (length === 0) return x;
  switch (layout) {
    case 'contiguous':
      return op.contiguous(x);
    case 'channelsLast':
      return length < 3 ? x : inOrder(x, lastOrder(length));
    case 'channelSlice':
      return length < 3 ? between(x, [0]) : inOrder(x, lastOrder(length), [length - 1]);
    case 'gaps':
      return between(
        x,
        x.shape.map((_, axis) => axis),
      );
    case 'swapped':
      return length < 2 ? x : inOrder(x, [...x.shape.keys()].with(length - 1, length - 2).with(length - 2, length - 1));
    case 'expanded':
      return length < 3 ? x : op.expand(op.contiguous(firstPixel(x)), x.shape);
    default:
      return layout satisfies never;
  }
}

const firstPixel = (x: Tensor): Tensor =>
  x.shape.slice(2).reduce((value, _, axis) => op.slice(value, axis + 2, 0, 1), x);

const lastOrder = (length: number): number[] => [0, ...Array.from({ length: length - 2 }, (_, i) => i + 2), 1];

/** The same tensor with its axes in this order in memory; with gaps along some axes of that order. */
function inOrder(x: Tensor, order: readonly number[], gaps: readonly number[] = []): Tensor {
  const back = order.map((_, axis) => order.indexOf(axis));
  return op.permute(between(op.contiguous(op.permute(x, order)), gaps), back);
}

/** The middle of a tensor that is longer by one on both sides of some axes. */
function between(x: Tensor, axes: readonly number[]): Tensor {
  const pairs = x.shape.flatMap((_, i) => (axes.includes(x.shape.length - 1 - i) ? [1, 1] : [0, 0]));
  const wide = operator('aten::constant_pad_nd').one(x, pairs, x.dtype === 'int64' ? 99 : Number.NaN);
  return axes.reduce((value, axis) => op.slice(value, axis, 1, 1 + x.shape[axis]), wide);
}
