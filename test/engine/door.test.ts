import { describe, expect, it } from 'vitest';
import { backward, gradientOf, gradients, noGrad, requireGradient } from '../../src/engine/autograd.ts';
import { call, operator } from '../../src/engine/call.ts';
import { engineFacts, Generator, memory, threads } from '../../src/engine/device.ts';
import { fromArray, scope, type Tensor } from '../../src/engine/tensor.ts';

const range = (length: number) => Float32Array.from({ length }, (_, i) => i);

describe('data', () => {
  it('goes in and out unchanged in every dtype', () => {
    const arrays = [
      new Float32Array([1.5, -2, 0]),
      new Float64Array([1e300, -2, 0]),
      new BigInt64Array([2n ** 62n, -1n, 0n]),
      new Int32Array([1, -2, 3]),
      new Uint8Array([0, 128, 255]),
    ];
    for (const array of arrays) expect(fromArray(array, [3]).data()).toEqual(array);
    for (const dtype of ['bfloat16', 'float16'] as const) {
      const bits = new Uint16Array([0x3f80, 0xc000, 0]);
      const tensor = fromArray(bits, [3], dtype);
      expect([tensor.dtype, tensor.data()]).toEqual([dtype, bits]);
    }
    expect(fromArray([1, 0, 1], [3], 'bool').numbers()).toEqual([1, 0, 1]);
  });

  it('shares memory only when asked', () => {
    const array = range(4);
    const copied = fromArray(array, [4]);
    const shared = fromArray(array, [4], 'float32', { share: true });
    array[0] = 9;
    expect([copied.numbers()[0], shared.numbers()[0]]).toEqual([0, 9]);
  });

  it('refuses a shape that does not fit', () => {
    expect(() => fromArray(range(4), [5])).toThrow(/needs 5 x 4 bytes, the array has 16/);
    expect(() => fromArray(range(4), [-4])).toThrow(/must not be negative/);
    expect(() => fromArray(range(4), [2 ** 40, 2 ** 40])).toThrow(/too many elements/);
  });

  it('reads transposed tensors in row-major order', () => {
    const turned = operator('aten::t').one(fromArray(range(6), [2, 3]));
    expect([turned.shape, turned.numbers()]).toEqual([
      [3, 2],
      [0, 3, 1, 4, 2, 5],
    ]);
  });
});

describe('the door', () => {
  it('calls overloads, lists, scalars, enumerations and keywords by schema', () => {
    const a = fromArray(range(4), [2, 2]);
    expect(operator('aten::add.Tensor').one(a, a, 2).numbers()).toEqual([0, 3, 6, 9]);
    expect(operator('aten::mul.Scalar').one(a, 0.5).numbers()).toEqual([0, 0.5, 1, 1.5]);
    expect(operator('aten::cat').one([a, a], 1).shape).toEqual([2, 4]);
    expect(
      operator('aten::index.Tensor')
        .one(a, [null, fromArray([1], [1], 'int64')])
        .numbers(),
    ).toEqual([1, 3]);
    expect(call('aten::zeros', [[2, 3]], { dtype: 'int64' })[0]?.dtype).toBe('int64');
    expect(call('aten::to.dtype', [a, 'bfloat16'])[0]?.dtype).toBe('bfloat16');
  });

  it('fills defaults and repeats a number over int[N]', () => {
    const image = fromArray(range(16), [1, 1, 4, 4]);
    const kernel = fromArray(new Float32Array(4).fill(1), [1, 1, 2, 2]);
    expect(operator('aten::conv2d').one(image, kernel, null, 2).numbers()).toEqual([10, 18, 42, 50]);
  });

  it('returns several results, none, and plain values', () => {
    const [values, indices] = operator('aten::max.dim').many(fromArray(range(6), [2, 3]), 1);
    expect([values?.numbers(), indices?.dtype]).toEqual([[2, 5], 'int64']);
    expect(operator('aten::equal').plain(fromArray([1], [1]), fromArray([1], [1]))).toBe(true);
  });

  it('refuses with operator, shapes and reason', () => {
    const a = fromArray(range(6), [2, 3]);
    expect(() => operator('aten::mm').one(a, a)).toThrow(/aten::mm\(float32 \[2, 3\], float32 \[2, 3\]\)/);
    expect(() => operator('aten::nothing')).toThrow(/no operator aten::nothing/);
    expect(() => operator('aten::relu').one('x')).toThrow(
      /aten::relu: argument "self": expected a tensor, got a string/,
    );
    expect(() => operator('aten::relu').one(3)).toThrow(/expected a tensor, got a number/);
    expect(() => operator('aten::mm').one(a)).toThrow(/argument "mat2" is missing/);
    expect(() => operator('aten::relu').one(a, 1)).toThrow(/takes at most 1/);
    expect(() => call('aten::to.dtype', [a, 'float99'])).toThrow(/unknown name "float99"/);
  });
});

describe('memory', () => {
  it('frees what a scope made except what it returns', () => {
    const before = engineFacts().liveTensors;
    let inner: Tensor | undefined;
    const result = scope(() => {
      inner = fromArray(range(4), [4]);
      return { kept: [operator('aten::relu').one(inner)] };
    });
    expect(engineFacts().liveTensors).toBe(before + 1);
    expect(result.kept[0].numbers()).toEqual([0, 1, 2, 3]);
    expect(() => inner?.numbers()).toThrow(/freed already/);
    result.kept[0].free();
    result.kept[0].free();
    expect(engineFacts().liveTensors).toBe(before);
  });

  it('frees on an exception too, and hands results to the scope around', () => {
    const before = engineFacts().liveTensors;
    expect(() =>
      scope(() => {
        fromArray(range(4), [4]);
        throw new Error('inside');
      }),
    ).toThrow('inside');
    scope(() => {
      scope(() => fromArray(range(4), [4]));
    });
    expect(engineFacts().liveTensors).toBe(before);
  });

  it('stays flat over 10,000 training steps', () => {
    const weight = requireGradient(fromArray(new Float32Array(64 * 64).fill(0.01), [64, 64]));
    const step = () =>
      scope(() => {
        const input = fromArray(range(64 * 64), [64, 64]);
        const output = operator('aten::mm').one(input, weight);
        const loss = operator('aten::mean').one(operator('aten::relu').one(output));
        const [gradient] = gradients([loss], [weight]);
        noGrad(() => operator('aten::add_.Tensor').one(weight, gradient, -1e-6));
      });
    for (let i = 0; i < 2000; i++) step();
    const before = memory().residentBytes;
    const live = engineFacts().liveTensors;
    for (let i = 0; i < 10_000; i++) step();
    expect(engineFacts().liveTensors).toBe(live);
    // One tensor lost a step would be 160 MB; the heap of JavaScript comes and goes by some 20.
    expect(memory().residentBytes - before).toBeLessThan(40 * 2 ** 20);
  });
});

describe('autograd', () => {
  it('accumulates with backward and returns with gradients', () => {
    const x = requireGradient(fromArray([1, 2, 3], [3], 'float64'));
    const y = operator('aten::sum').one(operator('aten::mul.Tensor').one(x, x));
    expect(
      gradients([y], [x, requireGradient(fromArray([1], [1]))], { keepGraph: true }).map((g) => g?.numbers()),
    ).toEqual([[2, 4, 6], undefined]);
    backward(y);
    expect(gradientOf(x)?.numbers()).toEqual([2, 4, 6]);
  });

  it('differentiates twice and records nothing under noGrad', () => {
    const x = requireGradient(fromArray([3], [1], 'float64'));
    const cube = operator('aten::pow.Tensor_Scalar').one(x, 3);
    const [first] = gradients([cube], [x], { createGraph: true });
    const [second] = gradients([first as Tensor], [x]);
    expect([first?.item(), second?.item()]).toEqual([27, 18]);
    expect(noGrad(() => operator('aten::mul.Tensor').one(x, x)).requiresGradient).toBe(false);
  });
});

describe('generators and threads', () => {
  it('repeat from a seed and from a stored state', () => {
    const draw = (generator: Generator) =>
      operator('aten::bernoulli')
        .one(fromArray(new Float32Array(64).fill(0.5), [64]), generator.id)
        .numbers();
    const generator = new Generator(5);
    const state = generator.state();
    const first = draw(generator);
    expect(draw(generator)).not.toEqual(first);
    generator.restore(state);
    expect(draw(generator)).toEqual(first);
    expect(draw(new Generator(5))).toEqual(first);
  });

  it('sets the number of threads', () => {
    const before = threads();
    expect(threads(1)).toBe(1);
    threads(before);
    expect(() => threads(0)).toThrow(/expected 1 to/);
  });
});
