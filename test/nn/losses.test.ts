/** @file Dice + cross-entropy against its closed form in plain numbers, and deep supervision against losses at each size. */
import { describe, expect, it } from 'vitest';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { fromArray } from '../../src/engine/tensor.ts';
import { crossEntropy, deepSupervision, diceCrossEntropy } from '../../src/nn/losses.ts';
import { expectGradients } from '../helpers/centralDifferences.ts';

const generator = new Generator(8);
const double = (shape: number[]) => op.randn(shape, generator.id, 'float64');
const labelled = (values: number[], shape: number[]) => fromArray(values, shape, 'int64');

/** Logits `[batch][class][pixel]` flat; the pixels of a batch are one list, as the loss sums over both. */
function diceCrossEntropyOf(logits: number[], labels: number[], classes: number, pixels: number): number {
  const overlap = Array(classes).fill(0);
  const sizes = Array(classes).fill(0);
  let entropy = 0;
  let counting = 0;
  labels.forEach((label, i) => {
    if (label === 255) return;
    const at = (c: number) => logits[(Math.floor(i / pixels) * classes + c) * pixels + (i % pixels)];
    const sum = Array.from({ length: classes }, (_, c) => Math.exp(at(c))).reduce((a, b) => a + b);
    counting++;
    for (let c = 0; c < classes; c++) {
      const p = Math.exp(at(c)) / sum;
      overlap[c] += c === label ? p : 0;
      sizes[c] += p + (c === label ? 1 : 0);
      if (c === label) entropy -= Math.log(p);
    }
  });
  const dice = overlap.map((value, c) => (2 * value + 1e-5) / (sizes[c] + 1e-5)).slice(1);
  return 1 - dice.reduce((a, b) => a + b) / dice.length + entropy / counting;
}

describe('Dice + cross-entropy', () => {
  it.each([[[2, 3]], [[2, 2, 2]]])('of a picture of %j is the closed form; ignored pixels do not count', (size) => {
    const pixels = size.reduce((a, b) => a * b);
    const labels = Array.from({ length: 2 * pixels }, (_, i) => [0, 2, 255, 1, 1][i % 5]);
    const logits = double([2, 3, ...size]);
    expect(diceCrossEntropy(logits, labelled(labels, [2, ...size])).item()).toBeCloseTo(
      diceCrossEntropyOf(logits.numbers(), labels, 3, pixels),
      12,
    );
  });

  it('has the gradient of central differences in 3D', () => {
    const labels = labelled([0, 1, 255, 2, 1, 0, 0, 2], [1, 2, 2, 2]);
    expectGradients((x) => diceCrossEntropy(x, labels), [double([1, 3, 2, 2, 2])]);
  });
});

describe('deep supervision', () => {
  it('is the mean of the losses at each size, halving by level, over every 2^k-th label', () => {
    const labels = Array.from({ length: 5 * 6 }, (_, i) => (i * 7) % 3);
    const outputs = [double([1, 3, 5, 6]), double([1, 3, 3, 3]), double([1, 3, 2, 2])];
    const picked = (stride: number) =>
      labels.filter((_, i) => Math.floor(i / 6) % stride === 0 && (i % 6) % stride === 0);
    const losses = [1, 2, 4].map((stride, level) =>
      crossEntropy(outputs[level], labelled(picked(stride), [1, ...outputs[level].shape.slice(2)])).item(),
    );
    expect(deepSupervision(crossEntropy, outputs, labelled(labels, [1, 5, 6])).item()).toBeCloseTo(
      (losses[0] + losses[1] / 2 + losses[2] / 4) / 1.75,
      12,
    );
  });

  it('with one output is the loss itself', () => {
    const logits = double([1, 2, 4]);
    const labels = labelled([0, 1, 1, 255], [1, 4]);
    expect(deepSupervision(crossEntropy, [logits], labels).item()).toBe(crossEntropy(logits, labels).item());
  });

  it('refuses sizes that are not at a stride of 2^k', () => {
    const labels = labelled(Array(9).fill(0), [1, 9]);
    expect(() => deepSupervision(crossEntropy, [double([1, 2, 9]), double([1, 2, 4])], labels)).toThrow(
      /length 4 over labels of length 9/,
    );
  });
});
