/** @file The loss of distillation against its closed form in plain numbers, and its gradient against central differences. */
import { describe, expect, it } from 'vitest';
import { gradients, requireGradient } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { fromArray, type Tensor } from '../../src/engine/tensor.ts';
import { distillationLoss } from '../../src/nn/distillation.ts';
import { expectGradients } from '../helpers/centralDifferences.ts';

const generator = new Generator(3);
const random = (shape: number[]) => op.scale(op.randn(shape, generator.id, 'float64'), 2);
const CLASSES = 3;

/** By the formula, pixel by pixel. */
function closedForm(
  logits: number[],
  teacher: number[],
  labels: number[],
  pixels: number,
  temperature: number,
): number {
  const softmaxAt = (values: number[], i: number) => {
    const at = Array.from({ length: CLASSES }, (_, c) =>
      Math.exp(values[(Math.floor(i / pixels) * CLASSES + c) * pixels + (i % pixels)] / temperature),
    );
    const total = at.reduce((a, b) => a + b);
    return at.map((value) => value / total);
  };
  let [sum, counting] = [0, 0];
  labels.forEach((label, i) => {
    if (label === 255) return;
    const [own, wanted] = [softmaxAt(logits, i), softmaxAt(teacher, i)];
    sum += wanted.reduce((total, p, c) => total + p * Math.log(p / own[c]), 0);
    counting++;
  });
  return counting === 0 ? 0 : (temperature ** 2 * sum) / counting;
}

describe('distillation', () => {
  it.each([
    [[2, 3], 1],
    [[2, 3], 2.5],
    [[2, 2, 2], 4],
  ])('of an input of %j at temperature %d is the closed form; ignored pixels do not count', (size, temperature) => {
    const pixels = size.reduce((a, b) => a * b);
    const labels = Array.from({ length: 2 * pixels }, (_, i) => [0, 255, 7, 1][i % 4]);
    const [logits, teacher] = [random([2, CLASSES, ...size]), random([2, CLASSES, ...size])];
    const value = distillationLoss(logits, teacher, fromArray(labels, [2, ...size], 'int64'), { temperature });
    expect(value.item()).toBeCloseTo(closedForm(logits.numbers(), teacher.numbers(), labels, pixels, temperature), 12);
  });

  it('has the gradient of central differences, and gives the teacher none', () => {
    const labels = fromArray([0, 255, 1, 2], [1, 2, 2], 'int64');
    const teacher = requireGradient(random([1, CLASSES, 2, 2]));
    const loss = (x: Tensor) => distillationLoss(x, teacher, labels, { temperature: 2 });
    expectGradients(loss, [random([1, CLASSES, 2, 2])]);
    const logits = requireGradient(random([1, CLASSES, 2, 2]));
    expect(gradients([loss(logits)], [logits, teacher])[1]).toBeNull();
  });

  it('is 0 where both agree up to a constant, and where no pixel counts', () => {
    const logits = random([1, CLASSES, 2, 2]);
    const labels = (value: number) => fromArray([value, value, value, value], [1, 2, 2], 'int64');
    const of = (teacher: Tensor, value: number) => distillationLoss(logits, teacher, labels(value), { temperature: 3 });
    expect(of(op.addNumber(logits, 5), 0).item()).toBeCloseTo(0, 12);
    expect(of(random([1, CLASSES, 2, 2]), 255).item()).toBe(0);
    expect(of(random([1, CLASSES, 2, 2]), 0).item()).toBeGreaterThan(0);
  });

  it('refuses a temperature of 0', () => {
    const x = random([1, CLASSES, 1, 1]);
    const labels = fromArray([0], [1, 1, 1], 'int64');
    expect(() => distillationLoss(x, x, labels, { temperature: 0 })).toThrow('a temperature is above 0, got 0');
  });
});
