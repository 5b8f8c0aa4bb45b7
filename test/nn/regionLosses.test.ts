/** @file The losses of regions against plain numbers and central differences, and against those of classes where both are the same thing. */
import { describe, expect, it } from 'vitest';
import { gradients, requireGradient } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { fromArray } from '../../src/engine/tensor.ts';
import { deepSupervision, regionCrossEntropy, regionDiceLoss, regionLoss } from '../../src/nn/losses.ts';
import { expectGradients } from '../helpers/centralDifferences.ts';

const generator = new Generator(18);
const double = (shape: number[]) => op.randn(shape, generator.id, 'float64');
const labelled = (values: number[], shape: number[]) => fromArray(values, shape, 'int64');

/** Of four classes: whole (1, 2, 3), core (2, 3), and one that overlaps both in part (0, 3). */
const INSIDE = [
  [0, 0, 1],
  [1, 0, 0],
  [1, 1, 0],
  [1, 1, 1],
];
const inside = fromArray(INSIDE.flat(), [4, 3], 'float64');

/** Both parts of the loss of logits `[batch][region][pixel]`; the sums of Dice go over the batch. */
function plain(logits: number[], labels: number[], pixels: number, weight = [1, 1, 1]) {
  const [overlap, sizes] = [0, 1].map(() => [0, 0, 0]);
  let [entropy, counting] = [0, 0];
  labels.forEach((label, i) => {
    if (label === 255) return;
    counting++;
    for (let r = 0; r < 3; r++) {
      const p = 1 / (1 + Math.exp(-logits[(Math.floor(i / pixels) * 3 + r) * pixels + (i % pixels)]));
      const y = INSIDE[label][r];
      overlap[r] += p * y;
      sizes[r] += p + y;
      entropy -= weight[r] * (y === 1 ? Math.log(p) : Math.log(1 - p));
    }
  });
  const dice = overlap.map((value, r) => (2 * value + 1e-5) / (sizes[r] + 1e-5));
  const mean = (values: number[]) => values.reduce((a, b) => a + b) / 3;
  return { dice: 1 - mean(dice), entropy: entropy / (counting * 3 * mean(weight)) };
}

describe('Dice + binary cross-entropy of regions', () => {
  it.each([[[2, 3]], [[2, 2, 2]]])('of an input of %j is the plain sum; ignored pixels do not count', (size) => {
    const pixels = size.reduce((a, b) => a * b);
    const labels = Array.from({ length: 2 * pixels }, (_, i) => [0, 2, 255, 1, 3][i % 5]);
    const logits = double([2, 3, ...size]);
    const given = labelled(labels, [2, ...size]);
    const { dice, entropy } = plain(logits.numbers(), labels, pixels);
    expect(regionDiceLoss(logits, given, { inside }).item()).toBeCloseTo(dice, 12);
    expect(regionCrossEntropy(logits, given, { inside }).item()).toBeCloseTo(entropy, 12);
    expect(regionLoss(logits, given, { inside }).item()).toBeCloseTo(dice + entropy, 12);
    const weight = fromArray([1, 2, 5], [3], 'float64');
    const weighted = plain(logits.numbers(), labels, pixels, [1, 2, 5]);
    expect(regionLoss(logits, given, { inside, weight }).item()).toBeCloseTo(dice + weighted.entropy, 12);
    const x = requireGradient(logits);
    const gradient = gradients([regionLoss(x, given, { inside })], [x])[0]!.numbers();
    labels.forEach((label, i) => {
      for (let r = 0; r < 3; r++) {
        const at = gradient[(Math.floor(i / pixels) * 3 + r) * pixels + (i % pixels)];
        expect(at === 0).toBe(label === 255);
      }
    });
  });

  it.each([
    ['2D', [1, 3, 2, 3], [0, 1, 255, 2, 3, 0]],
    ['3D', [1, 3, 2, 2, 2], [0, 1, 255, 2, 1, 0, 3, 2]],
  ])('has the gradient of central differences in %s', (_, shape, labels) => {
    const given = labelled(labels, [1, ...shape.slice(2)]);
    const weight = fromArray([2, 1, 0.5], [3], 'float64');
    expectGradients((x) => regionLoss(x, given, { inside, weight }), [double(shape)]);
  });

  it('stays finite at logits of any size', () => {
    for (const size of [1e4, -1e4]) {
      const loss = regionLoss(op.full([1, 3, 2, 2], size, 'float64'), labelled([0, 1, 2, 3], [1, 2, 2]), { inside });
      expect(Number.isFinite(loss.item())).toBe(true);
    }
  });

  it('under deep supervision is the mean over the levels', () => {
    const labels = labelled([0, 1, 2, 3, 255, 1, 3, 0, 2], [1, 3, 3]);
    const outputs = [double([1, 3, 3, 3]), double([1, 3, 2, 2])];
    const loss = (x: (typeof outputs)[number], y: typeof labels) => regionLoss(x, y, { inside });
    const coarse = labelled([0, 2, 3, 2], [1, 2, 2]);
    const expected = (loss(outputs[0], labels).item() + 0.5 * loss(outputs[1], coarse).item()) / 1.5;
    expect(deepSupervision(loss, outputs, labels).item()).toBeCloseTo(expected, 12);
  });
});
