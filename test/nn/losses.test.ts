/** @file Dice + cross-entropy against its closed form in plain numbers, and deep supervision against losses at each size. */
import { describe, expect, it } from 'vitest';
import { gradients, requireGradient } from '../../src/engine/autograd.ts';
import { operator } from '../../src/engine/call.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { type DType, fromArray, type Tensor } from '../../src/engine/tensor.ts';
import * as losses from '../../src/nn/losses.ts';
import { expectGradients } from '../helpers/centralDifferences.ts';

const { crossEntropy, deepSupervision, diceCrossEntropy, diceLoss, hardPixelCrossEntropy } = losses;
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

/** Every loss of the module on logits and labels, by the name it is exported under. */
const LOSSES: Record<string, (logits: Tensor, labels: Tensor) => Tensor> = {
  crossEntropy,
  'crossEntropy with class weights': (logits, labels) =>
    crossEntropy(logits, labels, { weight: op.toDType(fromArray([0.5, 3, 1], [3]), logits.dtype) }),
  diceLoss,
  diceCrossEntropy,
  hardPixelCrossEntropy: (logits, labels) => hardPixelCrossEntropy(logits, labels, { fraction: 0.3 }),
  deepSupervision: (logits, labels) => deepSupervision(crossEntropy, [logits, coarse(logits)], labels),
  regionCrossEntropy: (logits, labels) => losses.regionCrossEntropy(logits, labels, { inside: insideOf(logits) }),
  regionDiceLoss: (logits, labels) => losses.regionDiceLoss(logits, labels, { inside: insideOf(logits) }),
  regionLoss: (logits, labels) => losses.regionLoss(logits, labels, { inside: insideOf(logits) }),
};
/** Two of three classes in every region. */
const insideOf = ({ shape: [, regions], dtype }: Tensor) =>
  op.toDType(fromArray([...Array(regions).fill(0), ...Array(2 * regions).fill(1)], [3, regions]), dtype);
/** Every second logit along each axis, as of a coarser level. */
const coarse = (logits: Tensor) =>
  logits.shape.slice(2).reduce((x, length, i) => operator('aten::slice.Tensor').one(x, i + 2, 0, length, 2), logits);

describe('labels without a pixel that counts', () => {
  it('are asked of every loss that is exported', () => {
    const exported = Object.entries(losses).filter(([, value]) => typeof value === 'function');
    expect(exported.map(([name]) => name).filter((name) => !(name in LOSSES))).toEqual([]);
  });

  for (const [name, loss] of Object.entries(LOSSES))
    it.each([
      ['float32', [1, 3, 4, 4]],
      ['float32', [2, 3, 5, 3]],
      ['float64', [2, 3, 2, 4, 3]],
    ] satisfies [DType, number[]][])(`give ${name} of %s %j the value 0 and the gradient 0`, (dtype, shape) => {
      const logits = op.randn(shape, generator.id, dtype);
      const pixels = shape.reduce((a, b) => a * b) / shape[1];
      const labels = labelled(Array(pixels).fill(255), [shape[0], ...shape.slice(2)]);
      requireGradient(logits, true);
      const value = loss(logits, labels);
      const [gradient] = gradients([value], [logits]);
      expect(value.item()).toBeCloseTo(0, 12);
      expect(new Set(gradient?.numbers().map(Math.abs))).toEqual(new Set([0]));
    });

  it('at a coarse level only leave the others their share', () => {
    const labels = labelled([255, 1, 255, 1], [1, 4]);
    const [fine, half] = [double([1, 2, 4]), double([1, 2, 2])];
    expect(deepSupervision(crossEntropy, [fine, half], labels).item()).toBeCloseTo(
      crossEntropy(fine, labels).item() / 1.5,
      12,
    );
  });

  it('do not hide logits that are no numbers where a pixel counts', () => {
    const logits = fromArray([Number.NaN, 1, 0, 1], [1, 2, 2], 'float64');
    for (const [name, loss] of Object.entries(LOSSES))
      if (!name.includes('weights')) expect(loss(logits, labelled([0, 255], [1, 2])).item(), name).toBeNaN();
  });
});

describe('cross-entropy', () => {
  it.each([null, [0.5, 3, 1]])('with class weights %j has the gradient of central differences', (weights) => {
    const labels = labelled([0, 1, 255, 2, 1, 255], [1, 2, 3]);
    const weight = weights && fromArray(weights, [3], 'float64');
    expectGradients((x) => crossEntropy(x, labels, { weight }), [double([1, 3, 2, 3])]);
  });

  it.each([null, [0.5, 3, 1]])('with class weights %j is the mean of libtorch where pixels count', (weights) => {
    const labels = labelled([0, 1, 255, 2, 1, 255], [1, 2, 3]);
    const [logits, weight] = [double([1, 3, 2, 3]), weights && fromArray(weights, [3], 'float64')];
    expect(crossEntropy(logits, labels, { weight }).item()).toBeCloseTo(
      op.crossEntropy(logits, labels, weight, 255).item(),
      14,
    );
  });
});
