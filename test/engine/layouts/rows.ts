/**
 * @file A row for every operator of `src/engine/operators.ts`, and for every operator that other files call by name: what it reads, and how it is called.
 * `layouts.test.ts` fails where an operator has no row.
 */
import { operator } from '../../../src/engine/call.ts';
import { Generator } from '../../../src/engine/device.ts';
import * as op from '../../../src/engine/operators.ts';
import type { DType, Tensor } from '../../../src/engine/tensor.ts';

/** `[batch, channels, ...size]`. */
export interface Shape {
  readonly batch: number;
  readonly channels: number;
  readonly size: readonly number[];
}

/** An input: its shape, and what its values must be. */
export interface Input {
  readonly shape: readonly number[];
  /** `positive` numbers are above 0.5; `labels` are whole numbers below 3, without a gradient. Default: normal. */
  readonly values?: 'normal' | 'positive' | 'labels';
  /** It may have gaps. Default: true. */
  readonly gaps?: boolean;
  /** Elements may share memory: not where it is changed in place. Default: true. */
  readonly shared?: boolean;
}

/** One way of calling an operator. */
export interface Call {
  readonly inputs: readonly Input[];
  /** All results; those that depend on an input have gradients. */
  run(inputs: readonly Tensor[], dtype: DType): readonly Tensor[];
  /** The same of plain operators; default: `run` itself, in contiguous float64. */
  reference?(inputs: readonly Tensor[]): readonly Tensor[];
  /** It changes its inputs: no gradients are taken. */
  readonly inPlace?: boolean;
  /** What it gives depends on which of equal values is the largest after rounding: constant inputs are left out. */
  readonly decides?: boolean;
  /** The largest difference in float32, as a share of the largest value. Default: 1e-5. */
  readonly rounding?: number;
}

/** The calls of an operator for a shape; none where it does not take the shape. */
export type Row = (shape: Shape) => readonly Call[];

export const fullShape = ({ batch, channels, size }: Shape): number[] => [batch, channels, ...size];
const all = ({ size }: Shape, value: number) => size.map(() => value);

/** An operator of some inputs of the full shape. */
const of =
  (count: number, run: (...inputs: Tensor[]) => Tensor, values: Input['values'] = 'normal'): Row =>
  (shape) => [
    { inputs: Array.from({ length: count }, () => ({ shape: fullShape(shape), values })), run: (x) => [run(...x)] },
  ];

/** An operator without inputs. */
const made =
  (run: (shape: readonly number[]) => Tensor): Row =>
  (shape) => [{ inputs: [], run: () => [run(fullShape(shape))] }];

const inPlace =
  (count: number, run: (...inputs: Tensor[]) => Tensor): Row =>
  (shape) => [
    {
      inputs: Array.from({ length: count }, (_, i) => ({ shape: fullShape(shape), shared: i > 0 })),
      run: ([first, ...others]) => [run(first, ...others), first],
      inPlace: true,
    },
  ];

const convolutions: Row = (shape) => {
  const { channels, size } = shape;
  const calls: Call[] = [];
  const call = (
    kernel: number[],
    settings: { stride?: number; dilation?: number; groups?: number; bias?: boolean },
  ) => {
    const { stride = 1, dilation = 1, groups = 1, bias = false } = settings;
    const outputs = groups === 1 ? 4 : channels;
    const padding = kernel.map((side) => (dilation * (side - 1)) / 2);
    calls.push({
      inputs: [
        { shape: fullShape(shape) },
        { shape: [outputs, channels / groups, ...kernel] },
        ...(bias ? [{ shape: [outputs] }] : []),
      ],
      run: ([x, weight, shift = null]) => [
        op.convolution(x, weight, shift as Tensor | null, all(shape, stride), padding, all(shape, dilation), groups),
      ],
      reference: ([x, weight, shift = null]) => [
        operator('aten::convolution').one(
          ...[x, weight, shift as Tensor | null, all(shape, stride), padding, all(shape, dilation)],
          ...[false, all(shape, 0), groups],
        ),
      ],
    });
  };
  call(all(shape, 3), {});
  call(all(shape, 3), { stride: 2, bias: true });
  call(all(shape, 1), {});
  call(all(shape, 1), { stride: 2 });
  call([...size.slice(1).map(() => 1), 3], {});
  call([3, ...size.slice(1).map(() => 1)], {});
  call(all(shape, 3), { groups: channels });
  call(all(shape, 5), { groups: channels, stride: 2 });
  call(all(shape, 3), { dilation: 2 });
  call(all(shape, 3), { dilation: 5 });
  return calls;
};

const separable: Row = (shape) =>
  [3, 5, 7].flatMap((side) =>
    [1, 2].map((dilation) => ({
      inputs: [
        { shape: fullShape(shape) },
        { shape: [shape.channels, 1, ...all(shape, side)] },
        { shape: [5, shape.channels, ...all(shape, 1)] },
      ],
      run: ([x, depthwise, pointwise]: readonly Tensor[]) => [
        op.separableConvolution(x, depthwise, pointwise, dilation),
      ],
      reference: ([x, depthwise, pointwise]: readonly Tensor[]) => {
        const plain = operator('aten::convolution');
        const padding = all(shape, (dilation * (side - 1)) / 2);
        const [one, none] = [all(shape, 1), all(shape, 0)];
        const rates = all(shape, dilation);
        const filtered = plain.one(x, depthwise, null, one, padding, rates, false, none, shape.channels);
        return [plain.one(filtered, pointwise, null, one, none, one, false, none, 1)];
      },
    })),
  );

/** `weight (x - mean) / sqrt(variance + epsilon) + bias` with moments over `axes`, written out. */
function normalised(x: Tensor, axes: readonly number[], weight: Tensor | null, bias: Tensor | null): Tensor {
  const perChannel = (values: Tensor) =>
    op.reshape(
      values,
      x.shape.map((length, axis) => (axis === 1 ? length : 1)),
    );
  const centred = op.subtract(x, op.meanOver(x, axes, true));
  const variance = op.meanOver(op.multiply(centred, centred), axes, true);
  const normal = op.multiply(centred, op.power(op.addNumber(variance, EPSILON), -0.5));
  const scaled = weight ? op.multiply(normal, perChannel(weight)) : normal;
  return bias ? op.add(scaled, perChannel(bias)) : scaled;
}

const EPSILON = 1e-3;
const spatial = ({ size }: Shape) => size.map((_, axis) => axis + 2);

const batchNorms: Row = (shape) => {
  const { channels } = shape;
  const vector: Input = { shape: [channels] };
  const call = (training: boolean, affine: boolean, rectify: boolean): Call => ({
    inputs: [{ shape: fullShape(shape) }, ...(affine ? [vector, vector] : [])],
    run: ([x, weight = null, bias = null], dtype) => {
      const running = [op.full([channels], 0.25, dtype), op.full([channels], 1.5, dtype)];
      const [mean, variance] = running;
      const [scale, shift] = [weight as Tensor | null, bias as Tensor | null];
      const result = op.batchNorm(x, scale, shift, mean, variance, training, 0.1, EPSILON, rectify);
      // The variance of a single value is not defined.
      return training && x.size > channels ? [result, ...running] : [result, mean];
    },
  });
  return [true, false].flatMap((training) =>
    [true, false].flatMap((affine) => [true, false].map((rectify) => call(training, affine, rectify))),
  );
};

const instanceNorms: Row = (shape) =>
  [true, false].map((affine) => {
    const vector: Input = { shape: [shape.channels] };
    return {
      inputs: [{ shape: fullShape(shape) }, ...(affine ? [vector, vector] : [])],
      run: ([x, weight = null, bias = null]: readonly (Tensor | null)[]) => [
        op.instanceNorm(x as Tensor, weight, bias, EPSILON),
      ],
      reference: ([x, weight = null, bias = null]: readonly (Tensor | null)[]) => [
        normalised(x as Tensor, spatial(shape), weight, bias),
      ],
      rounding: 1e-4, // constant inputs are divided by the root of epsilon
    };
  });

const pools =
  (pool: typeof op.averagePool): Row =>
  (shape) =>
    [1, 2].map((stride) => ({ inputs: [{ shape: fullShape(shape) }], run: ([x]) => [pool(x, 3, stride, 1)] }));

const resizes: Row = (shape) =>
  [true, false].flatMap((alignCorners) =>
    [all(shape, 1), shape.size.map((side) => Math.ceil(side / 2)), shape.size.map((side) => 2 * side + 1)].map(
      (size) => ({
        inputs: [{ shape: fullShape(shape) }],
        run: ([x]: readonly Tensor[]) => [op.resize(x, size, alignCorners)],
        reference: ([x]: readonly Tensor[]) => [
          size.length === 3
            ? operator('aten::upsample_trilinear3d').one(x, size, alignCorners, null, null, null)
            : operator('aten::upsample_bilinear2d').one(x, size, alignCorners, null, null),
        ],
      }),
    ),
  );

const losses: Row = ({ batch, size }) =>
  (['none', 'mean', 'sum'] as const).flatMap((reduction) =>
    [true, false].map((weighted) => ({
      inputs: [
        { shape: [batch, 3, ...size] },
        { shape: [batch, ...size], values: 'labels' as const },
        ...(weighted ? [{ shape: [3], values: 'positive' as const }] : []),
      ],
      run: ([logits, labels, weight = null]: readonly (Tensor | null)[]) => [
        op.crossEntropy(logits as Tensor, labels as Tensor, weight && op.detach(weight), 255, reduction),
      ],
    })),
  );

const drawn = (draw: typeof op.rand) => made((shape) => draw(shape, new Generator(5).id));

/** Rows by the name that `src/engine/operators.ts` exports. */
export const ROWS: Readonly<Record<string, Row>> = {
  zeros: made((shape) => op.zeros(shape)),
  ones: made((shape) => op.ones(shape)),
  full: made((shape) => op.full(shape, 2)),
  eye: made(([size]) => op.eye(size)),
  randn: drawn(op.randn),
  rand: drawn(op.rand),
  zerosLike: of(1, op.zerosLike),
  lessThan: of(1, (x) => op.lessThan(x, 0.1)),
  add: of(2, op.add),
  subtract: of(2, op.subtract),
  multiply: of(2, op.multiply),
  divide: of(2, op.divide, 'positive'),
  matmul: (shape) => [
    {
      inputs: [
        { shape: fullShape(shape) },
        { shape: [shape.batch, shape.channels, ...shape.size.toSpliced(-2, 2, shape.size.at(-1) as number, 4)] },
      ],
      run: ([a, b]) => [op.matmul(a, b)],
    },
  ],
  addNumber: of(1, (x) => op.addNumber(x, 0.5)),
  scale: of(1, (x) => op.scale(x, -1.5)),
  power: of(1, (x) => op.power(x, -0.5), 'positive'),
  relu: of(1, op.relu),
  sigmoid: of(1, op.sigmoid),
  exp: of(1, op.exp),
  log: of(1, op.log, 'positive'),
  negate: of(1, op.negate),
  abs: of(1, op.abs),
  detach: of(1, op.detach),
  clone: of(1, op.clone),
  softmax: of(1, (x) => op.softmax(x, 1)),
  logSoftmax: of(1, (x) => op.logSoftmax(x, 1)),
  sum: of(1, op.sum),
  mean: of(1, op.mean),
  sumOver: (shape) =>
    [0, 1].map((axis) => ({ inputs: [{ shape: fullShape(shape) }], run: ([x]) => [op.sumOver(x, [axis, 2])] })),
  meanOver: (shape) =>
    [0, 1].map((axis) => ({ inputs: [{ shape: fullShape(shape) }], run: ([x]) => [op.meanOver(x, [axis, 2], true)] })),
  logSumExp: of(1, (x) => op.logSumExp(x, [1])),
  argmax: of(1, (x) => op.argmax(x, 1)),
  clamp: of(1, (x) => op.clamp(x, -0.5, 0.5)),
  concat: (shape) =>
    [0, 1, 2].map((axis) => ({
      inputs: [{ shape: fullShape(shape) }, { shape: fullShape(shape) }],
      run: ([a, b]) => [op.concat([a, b], axis)],
    })),
  stack: of(2, (a, b) => op.stack([a, b], 1)),
  reshape: (shape) => [
    { inputs: [{ shape: fullShape(shape) }], run: ([x]) => [op.reshape(x, [shape.batch, -1])] },
    { inputs: [{ shape: fullShape(shape) }], run: ([x]) => [op.reshape(x, [shape.batch * shape.channels, -1])] },
  ],
  permute: of(1, (x) => op.permute(x, [1, 0, ...x.shape.slice(2).map((_, axis) => axis + 2)])),
  expand: of(1, (x) => op.expand(op.slice(x, 2, 0, 1), x.shape)),
  flip: of(1, (x) => op.flip(x, [1, 2])),
  slice: of(1, (x) => op.slice(x, 1, 0, 1)),
  select: of(1, (x) => op.select(x, 1, 0)),
  shift: (shape) => (shape.size.includes(1) ? [] : of(1, op.shift)(shape)),
  pad: (shape) => [
    { inputs: [{ shape: fullShape(shape) }], run: ([x]) => [op.pad(x, [1, 2, 0, 1])] },
    { inputs: [{ shape: fullShape(shape) }], run: ([x]) => [op.pad(x, [-1, 2, 0, 1])] },
  ],
  toDType: (shape) => [
    {
      inputs: [{ shape: fullShape(shape) }],
      run: ([x], dtype) => [op.toDType(op.toDType(x, dtype === 'float64' ? 'float32' : 'float64'), dtype)],
      rounding: 1e-5,
    },
  ],
  toDevice: of(1, (x) => op.toDevice(x, 'cpu')),
  channelsLast: of(1, op.channelsLast),
  contiguous: of(1, op.contiguous),
  convolution: convolutions,
  separableConvolution: separable,
  batchNorm: batchNorms,
  instanceNorm: instanceNorms,
  averagePool: pools(op.averagePool),
  maxPool: pools(op.maxPool),
  globalAveragePool: of(1, op.globalAveragePool),
  resize: resizes,
  crossEntropy: losses,
  replaceNotFinite: inPlace(1, (x) => op.replaceNotFinite(op.divide(x, op.relu(x)), 3)),
  copyInto: inPlace(2, op.copyInto),
  addInto: inPlace(2, op.addInto),
};

/** Rows by the names that other files of `src` call operators by. */
export const NAMED_ROWS: Readonly<Record<string, Row>> = {
  'aten::addcmul': (shape) => [
    {
      inputs: [{ shape: fullShape(shape) }, { shape: fullShape(shape) }, { shape: [] }],
      run: ([a, b, c]) => [operator('aten::addcmul').one(a, b, c, 1)],
    },
  ],
  'aten::add_.Tensor': inPlace(2, (a, b) => operator('aten::add_.Tensor').one(a, b)),
  'aten::index_select': of(1, (x) => operator('aten::index_select').one(x, 1, op.toDType(op.zeros([2]), 'int64'))),
  'aten::binary_cross_entropy_with_logits': of(2, (x, target) =>
    operator('aten::binary_cross_entropy_with_logits').one(x, op.detach(op.sigmoid(target)), null, null, 0),
  ),
  'aten::gt.Scalar': of(1, (x) => operator('aten::gt.Scalar').one(x, 1), 'labels'),
  'aten::ne.Scalar': of(1, (x) => operator('aten::ne.Scalar').one(x, 1), 'labels'),
  'aten::one_hot': of(1, (x) => operator('aten::one_hot').one(x, 3), 'labels'),
  'aten::slice.Tensor': of(1, (x) => operator('aten::slice.Tensor').one(x, 2, 0, 9, 2)),
  'aten::stack': of(2, (a, b) => operator('aten::stack').one([a, b])),
  'aten::topk': of(
    1,
    (x) => operator('aten::topk').many(op.reshape(x, [-1]), Math.ceil(x.size / 2), 0, true, true)[0] as Tensor,
  ),
  'aten::unsqueeze': of(1, (x) => operator('aten::unsqueeze').one(x, 1)),
  'aten::zeros_like': of(1, (x) => operator('aten::zeros_like').one(x)),
  'aten::linalg_vector_norm': of(1, (x) => operator('aten::linalg_vector_norm').one(x)),
  'aten::flatten_dense_tensors': of(2, (a, b) => operator('aten::flatten_dense_tensors').one([a, b])),
  'aten::unflatten_dense_tensors': of(
    1,
    (x) => operator('aten::unflatten_dense_tensors').many(op.reshape(x, [-1]), [x])[0] as Tensor,
  ),
  'aten::_foreach_mul_.Scalar': inPlace(1, (x) => {
    operator('aten::_foreach_mul_.Scalar').many([x], 0.5);
    return x;
  }),
  'aten::_foreach_add_.List': inPlace(2, (a, b) => {
    operator('aten::_foreach_add_.List').many([a], [b], 0.5);
    return a;
  }),
};
