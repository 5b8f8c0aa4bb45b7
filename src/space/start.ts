/**
 * @file The start stride of a network: pixels of the input per pixel of the finest features, 1, 2 or 4, of volumes an axis each. A finer start sees
 * more and costs more: a halving takes three quarters of the work away in 2D, seven eighths in 3D.
 */
import { showShort as show } from '../base/text.ts';
import type { Fail } from './genotypeFields.ts';

/** The strides at which a network may start. */
export const START_STRIDES = [1, 2, 4] as const;

export type StartStride = (typeof START_STRIDES)[number];

/** One stride for every axis, or one an axis, `[depth, height, width]`. */
export type Start = StartStride | readonly StartStride[];

/** Where the trellis of each method starts unless a genotype says otherwise. */
export const STANDARD_START = { 'auto-deeplab': 4, dints: 2 } as const;

/** The stride of every axis. */
export const startOf = (start: Start, rank: 2 | 3): readonly StartStride[] =>
  typeof start === 'number' ? Array<StartStride>(rank).fill(start) : start;

/** The coarsest of the axes. */
export const largestStart = (start: Start): number => (typeof start === 'number' ? start : Math.max(...start));

/** The strides of an axis over convolutions that reach it: the last ones stride. `startSteps(4, 3)` is 2, 1, 2 as in the published stem. */
function startSteps(start: StartStride, convolutions: number): number[] {
  const strides = Array<number>(convolutions).fill(1);
  if (start >= 2) strides[convolutions === 3 ? 0 : convolutions - 1] = 2;
  if (start === 4) strides[convolutions === 3 ? 2 : convolutions - 2] = 2;
  return strides;
}

/** The stride of each of two or three convolutions after which the features are at `start`; a list where the axes differ. */
export function stemStrides(start: Start, rank: 2 | 3, convolutions: 2 | 3): (number | readonly number[])[] {
  const axes = startOf(start, rank).map((side) => startSteps(side, convolutions));
  return Array.from({ length: convolutions }, (_, i) => {
    const strides = axes.map((axis) => axis[i]);
    return strides.every((stride) => stride === strides[0]) ? strides[0] : strides;
  });
}

/** The field `start` of a genotype file; undefined where it is the standard one of the method. */
export function parseStart(value: unknown, standard: StartStride, rank: 2 | 3, fail: Fail): Start | undefined {
  if (value === undefined) return undefined;
  const isStride = (side: unknown): side is StartStride => START_STRIDES.includes(side as StartStride);
  if (isStride(value)) return value === standard ? undefined : value;
  if (!Array.isArray(value) || value.length !== rank || !value.every(isStride))
    return fail(`start is ${show(value)}, expected 1, 2 or 4, or ${rank} of them`);
  const sides: readonly StartStride[] = value.map((side: StartStride) => side);
  return sides.every((side) => side === sides[0]) ? parseStart(sides[0], standard, rank, fail) : sides;
}
