import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { gradients, noGrad, requireGradient } from '../../src/engine/autograd.ts';
import { operator } from '../../src/engine/call.ts';
import { Generator, threads } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { type DType, scope, type Tensor } from '../../src/engine/tensor.ts';
import { INSTRUCTION_SETS, use } from '../helpers/kernels.ts';
import { difference, exact } from '../helpers/tensors.ts';

const generator = new Generator(11).id;
const EPSILON = 1e-5;
const MOMENTUM = 0.1;

/** What libtorch composes, which the kernel is held to. */
function composed(x: Tensor, [weight, bias, mean, variance]: (Tensor | null)[], rectify: boolean): Tensor {
  const normal = operator('aten::batch_norm').one(x, weight, bias, mean, variance, true, MOMENTUM, EPSILON, false);
  return rectify ? op.relu(normal) : normal;
}

const fused = (x: Tensor, [weight, bias, mean, variance]: (Tensor | null)[], rectify: boolean): Tensor =>
  op.batchNorm(x, weight, bias, mean, variance, true, MOMENTUM, EPSILON, rectify);

/** `[batch, channels, ...]` far from zero, with channels last in memory or first. */
function randomInput(shape: readonly number[], dtype: DType, last: boolean): Tensor {
  const [batch, channels, ...size] = shape;
  const made = op.addNumber(op.randn(last ? [batch, ...size, channels] : [...shape], generator, dtype), 3);
  return last ? op.permute(made, [0, size.length + 1, ...size.map((_, axis) => axis + 1)]) : made;
}

const leaf = (x: Tensor) => requireGradient(op.detach(x));
const vector = (channels: number, dtype: DType) => leaf(op.addNumber(op.randn([channels], generator, dtype), 0.5));

afterEach(() => void use('best'));

describe('the kernel of a batch norm', () => {
  it('gives what libtorch gives in float64: values, gradients, running statistics', () => {
    const shapes = fc
      .tuple(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 70 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
      )
      .filter(([batch, , size]) => size.reduce((a, b) => a * b, batch) > 1);
    fc.assert(
      fc.property(shapes, fc.boolean(), fc.boolean(), fc.boolean(), ([batch, channels, size], last, rectify, affine) =>
        scope(() => {
          const x = leaf(randomInput([batch, channels, ...size], 'float64', last));
          const affines = affine ? [vector(channels, 'float64'), vector(channels, 'float64')] : [null, null];
          const running = () => [op.zeros([channels], 'float64'), op.ones([channels], 'float64')];
          const [ours, theirs] = [running(), running()];
          const outputs = [fused(x, [...affines, ...ours], rectify), composed(x, [...affines, ...theirs], rectify)];
          expect(difference(outputs[0], outputs[1])).toBeLessThan(1e-10);
          ours.forEach((statistic, i) => void expect(difference(statistic, theirs[i])).toBeLessThan(1e-10));
          const grad = op.randn(outputs[0].shape, generator, 'float64');
          const leaves = [x, ...affines.filter((tensor) => tensor !== null)];
          const [own, expected] = outputs.map((output) => gradients([output], leaves, { gradients: [grad] }));
          own.forEach(
            (gradient, i) => void expect(difference(gradient as Tensor, expected[i] as Tensor)).toBeLessThan(1e-7),
          );
        }),
      ),
      { numRuns: 60 },
    );
  });

  it.each(INSTRUCTION_SETS)('is as exact in float32 on %s, many pixels and channels', (set) => {
    if (!use(set)) return;
    for (const [shape, rectify] of [
      [[2, 20, 33, 31], true],
      [[1, 304, 17, 19], false],
      [[3, 7, 41, 43], true],
    ] as const)
      scope(() => {
        const x = leaf(randomInput(shape, 'float32', true));
        const affines = [vector(shape[1], 'float32'), vector(shape[1], 'float32')];
        const output = fused(x, [...affines, null, null], rectify);
        const leaves = [x, ...affines];
        const precise = leaves.map(exact);
        const expected = composed(precise[0], [precise[1], precise[2], null, null], rectify);
        expect(difference(op.toDType(output, 'float64'), expected)).toBeLessThan(2e-6);
        const grad = op.randn(output.shape, generator);
        const own = gradients([output], leaves, { gradients: [grad] });
        gradients([expected], precise, { gradients: [op.toDType(grad, 'float64')] }).forEach((gradient, i) => {
          expect(difference(op.toDType(own[i] as Tensor, 'float64'), gradient as Tensor)).toBeLessThan(2e-4);
        });
      });
  });

  it('gives the same to the last bit on any number of threads', () => {
    scope(() => {
      const x = leaf(randomInput([2, 24, 40, 40], 'float32', true));
      const grad = op.randn(x.shape, generator);
      const before = threads();
      const [one, three] = [1, 3].map((count) => {
        threads(count);
        const output = fused(x, [null, null, null, null], true);
        return [output, ...(gradients([output], [x], { gradients: [grad] }) as Tensor[])];
      });
      threads(before);
      one.forEach((tensor, i) => void expect(difference(tensor, three[i])).toBe(0));
    });
  });

  it('keeps a mean a thousand deviations from zero from cancelling', () => {
    scope(() => {
      const x = op.addNumber(op.randn([2, 5, 40, 40], generator), 1000);
      const own = fused(x, [null, null, null, null], false);
      expect(
        difference(op.toDType(own, 'float64'), composed(op.toDType(x, 'float64'), [null, null, null, null], false)),
      ).toBeLessThan(1e-3);
    });
  });

  it('of a single value a channel is its shift, and leaves finite statistics', () => {
    scope(() => {
      const running = [op.zeros([3]), op.ones([3])];
      const output = fused(op.full([1, 3, 1, 1], 5), [null, op.full([3], 2), ...running], false);
      expect(output.numbers()).toEqual([2, 2, 2]);
      expect(running.flatMap((statistic) => statistic.numbers()).every(Number.isFinite)).toBe(true);
    });
  });

  it('lets NaN through, and makes no gradient where none is wanted', () => {
    scope(() => {
      const x = op.randn([2, 3, 4, 4], generator);
      expect(noGrad(() => fused(leaf(x), [null, null, null, null], true)).requiresGradient).toBe(false);
      const broken = op.multiply(x, op.scale(op.ones([1]), Number.NaN));
      expect(fused(broken, [null, null, null, null], true).numbers().every(Number.isNaN)).toBe(true);
    });
  });

  it('turns channels first to last exactly, whatever their number', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 2, max: 40 }),
        (batch, channels, pixels) =>
          scope(() => {
            const x = op.randn([batch, channels, pixels], generator);
            const last = op.permute(op.contiguous(op.permute(x, [0, 2, 1])), [0, 2, 1]);
            const [own, same] = [x, last].map((input) => fused(input, [null, null, null, null], false));
            expect(difference(own, same)).toBe(0);
          }),
      ),
      { numRuns: 60 },
    );
  });

  it('refuses what it cannot take', () => {
    const x = op.randn([2, 3, 4, 4], generator);
    const call = (...given: unknown[]) => operator('espalier::batch_norm').one(...(given as never[]));
    const rest = [null, null, null, MOMENTUM, EPSILON, true];
    expect(() => call(x, op.ones([4]), ...rest)).toThrow(/weight: expected \[3\], got \[4\]/);
    expect(() => call(op.ones([0, 3, 1, 1]), null, ...rest)).toThrow(/is empty/);
    expect(() => call(op.ones([2, 3]), null, ...rest)).toThrow(/reads \[batch, channels, \.\.\.spatial\]/);
    expect(() => call(x, null, null, op.ones([3]), null, MOMENTUM, EPSILON, true)).toThrow(/come together/);
  });
});

describe('the kernel of an instance norm', () => {
  const composedOf = (x: Tensor, weight: Tensor | null, bias: Tensor | null): Tensor => {
    const lines = op.reshape(x, [x.shape[0], x.shape[1], -1]);
    const normal = operator('aten::instance_norm').one(lines, weight, bias, null, null, true, 0.1, EPSILON, false);
    return op.reshape(normal, x.shape);
  };

  it('gives what libtorch gives in float64, in every order of memory: values and gradients', () => {
    const shapes = fc
      .tuple(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 70 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
      )
      .filter(([, , size]) => size.reduce((a, b) => a * b, 1) > 1);
    fc.assert(
      fc.property(shapes, fc.boolean(), fc.boolean(), ([batch, channels, size], last, affine) =>
        scope(() => {
          const x = leaf(randomInput([batch, channels, ...size], 'float64', last));
          const [weight, bias] = affine ? [vector(channels, 'float64'), vector(channels, 'float64')] : [null, null];
          const own = op.instanceNorm(x, weight, bias, EPSILON);
          const expected = composedOf(op.contiguous(x), weight, bias);
          expect(difference(own, expected)).toBeLessThan(1e-9);
          expect(
            difference(
              noGrad(() => op.instanceNorm(x, weight, bias, EPSILON)),
              own,
            ),
          ).toBe(0);
          const grad = op.randn(x.shape, generator, 'float64');
          const leaves = [x, ...[weight, bias].filter((tensor) => tensor !== null)];
          const [mine, theirs] = [own, expected].map((y) => gradients([y], leaves, { gradients: [grad] }));
          mine.forEach(
            (gradient, i) => void expect(difference(gradient as Tensor, theirs[i] as Tensor)).toBeLessThan(1e-7),
          );
        }),
      ),
      { numRuns: 60 },
    );
  });

  it.each(INSTRUCTION_SETS)('is exact in float32 on %s, of many pixels', (set) => {
    if (!use(set)) return;
    for (const shape of [
      [2, 20, 33, 31],
      [1, 64, 16, 24, 16],
    ])
      scope(() => {
        const x = leaf(randomInput(shape, 'float32', true));
        const own = op.instanceNorm(x, null, null, EPSILON);
        const precise = exact(x);
        const expected = composedOf(precise, null, null);
        expect(difference(op.toDType(own, 'float64'), expected)).toBeLessThan(2e-6);
        const grad = op.randn(x.shape, generator);
        const [mine] = gradients([own], [x], { gradients: [grad] }) as Tensor[];
        const [theirs] = gradients([expected], [precise], { gradients: [op.toDType(grad, 'float64')] }) as Tensor[];
        expect(difference(op.toDType(mine, 'float64'), theirs)).toBeLessThan(1e-5);
      });
  });
});

describe('a batch norm by running statistics', () => {
  const composedBy = (x: Tensor, [weight, bias, mean, variance]: (Tensor | null)[], rectify: boolean): Tensor => {
    const normal = operator('aten::batch_norm').one(x, weight, bias, mean, variance, false, MOMENTUM, EPSILON, false);
    return rectify ? op.relu(normal) : normal;
  };
  const by = (x: Tensor, [weight, bias, mean, variance]: (Tensor | null)[], rectify: boolean): Tensor =>
    op.batchNorm(x, weight, bias, mean, variance, false, MOMENTUM, EPSILON, rectify);

  it('is what libtorch gives, with gradients or without, in every order of memory', () => {
    const shapes = fc.tuple(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 70 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
    );
    const layouts = fc.record({ last: fc.boolean(), rectify: fc.boolean(), affine: fc.boolean(), wants: fc.boolean() });
    fc.assert(
      fc.property(shapes, layouts, ([batch, channels, size], { last, rectify, affine, wants }) =>
        scope(() => {
          const x = leaf(randomInput([batch, channels, ...size], 'float64', last));
          const affines = affine ? [vector(channels, 'float64'), vector(channels, 'float64')] : [null, null];
          const running = [op.randn([channels], generator, 'float64'), op.full([channels], 0.7, 'float64')];
          const given = [...affines, ...running];
          const output = wants ? by(x, given, rectify) : noGrad(() => by(x, given, rectify));
          const expected = composedBy(x, given, rectify);
          expect(difference(output, expected)).toBeLessThan(1e-10);
          expect(output.requiresGradient).toBe(wants);
          if (!wants) return;
          const grad = op.randn(x.shape, generator, 'float64');
          const leaves = [x, ...affines.filter((tensor) => tensor !== null)];
          const [own, theirs] = [output, expected].map((y) => gradients([y], leaves, { gradients: [grad] }));
          own.forEach((gradient, i) => void expect(difference(gradient as Tensor, theirs[i] as Tensor)).toBe(0));
        }),
      ),
      { numRuns: 80 },
    );
  });

  it.each([4, 12, 64])('takes no longer with channels last than with channels first: %i channels', (channels) => {
    scope(() => {
      const given = [...[0.3, 0.1, 0.2, 1.1].map((value) => op.full([channels], value))];
      const seconds = (last: boolean) => {
        const x = randomInput([1, channels, 96, 128], 'float32', last);
        const times = Array.from({ length: 9 }, () =>
          scope(() => {
            const started = performance.now();
            noGrad(() => by(x, given, true));
            return performance.now() - started;
          }),
        );
        return Math.min(...times);
      };
      // libtorch's own way took 25 times as long of 4 channels.
      expect(seconds(true)).toBeLessThan(5 * seconds(false));
    });
  });
});
