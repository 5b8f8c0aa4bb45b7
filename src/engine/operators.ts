/**
 * @file The operators in use, each a typed line over `call.ts`. Names are libtorch's; spatial sizes are `[depth, height, width]`, rank 2 drops the depth.
 */
import { operator } from './call.ts';
import { type DType, scope, type Tensor } from './tensor.ts';

// Each passes on exactly its own arguments, so that it can be given to `map` and `reduce`.
const unary =
  (name: string) =>
  (x: Tensor): Tensor =>
    operator(name).one(x);
const binary =
  (name: string) =>
  (a: Tensor, b: Tensor): Tensor =>
    operator(name).one(a, b);
const withNumber =
  (name: string) =>
  (x: Tensor, value: number): Tensor =>
    operator(name).one(x, value);

type Factory = (shape: readonly number[], dtype?: DType, device?: string) => Tensor;

const factory =
  (name: string): Factory =>
  (shape, dtype = 'float32', device = 'cpu') =>
    operator(name).one(shape, dtype, null, device);

export const zeros = factory('aten::zeros');
export const ones = factory('aten::ones');
/** Standard normal, or uniform in [0, 1), drawn from `generator` on its own device. */
export const randn = (shape: readonly number[], generator: number, dtype: DType = 'float32', device = 'cpu'): Tensor =>
  operator('aten::randn.generator').one(shape, generator, dtype, null, device);
export const rand = (shape: readonly number[], generator: number, dtype: DType = 'float32', device = 'cpu'): Tensor =>
  operator('aten::rand.generator').one(shape, generator, dtype, null, device);
/** `x < value`, as bool. */
export const lessThan = withNumber('aten::lt.Scalar');
export const zerosLike = unary('aten::zeros_like');
export const full = (shape: readonly number[], value: number, dtype: DType = 'float32', device = 'cpu'): Tensor =>
  operator('aten::full').one(shape, value, dtype, null, device);

export const add = binary('aten::add.Tensor');
export const subtract = binary('aten::sub.Tensor');
export const multiply = binary('aten::mul.Tensor');
export const divide = binary('aten::div.Tensor');
export const matmul = binary('aten::matmul');
export const addNumber = withNumber('aten::add.Scalar');
export const scale = withNumber('aten::mul.Scalar');
export const power = withNumber('aten::pow.Tensor_Scalar');
export const relu = unary('aten::relu');
export const sigmoid = unary('aten::sigmoid');
export const exp = unary('aten::exp');
export const log = unary('aten::log');
export const negate = unary('aten::neg');
export const abs = unary('aten::abs');
export const detach = unary('aten::detach');
export const clone = (x: Tensor): Tensor => operator('aten::clone').one(x, null);
export const softmax = withNumber('aten::softmax.int');
export const logSoftmax = withNumber('aten::log_softmax.int');
export const sum = unary('aten::sum');
export const mean = unary('aten::mean');
export const sumOver = (x: Tensor, axes: readonly number[], keep = false): Tensor =>
  operator('aten::sum.dim_IntList').one(x, axes, keep);
export const meanOver = (x: Tensor, axes: readonly number[], keep = false): Tensor =>
  operator('aten::mean.dim').one(x, axes, keep);
export const logSumExp = (x: Tensor, axes: readonly number[]): Tensor =>
  operator('aten::logsumexp').one(x, axes, false);
export const argmax = withNumber('aten::argmax');
export const clamp = (x: Tensor, low: number | null, high: number | null): Tensor =>
  operator('aten::clamp').one(x, low, high);

export const concat = (tensors: readonly Tensor[], axis: number): Tensor => operator('aten::cat').one(tensors, axis);
export const stack = (tensors: readonly Tensor[], axis: number): Tensor => operator('aten::stack').one(tensors, axis);
export const reshape = (x: Tensor, shape: readonly number[]): Tensor => operator('aten::reshape').one(x, shape);
export const permute = (x: Tensor, axes: readonly number[]): Tensor => operator('aten::permute').one(x, axes);
/** A view with sizes of 1 stretched. */
export const expand = (x: Tensor, shape: readonly number[]): Tensor => operator('aten::expand').one(x, shape, false);
/** The identity matrix. */
export const eye = (size: number, dtype: DType = 'float32', device = 'cpu'): Tensor =>
  operator('aten::eye').one(size, dtype, null, device);
export const flip = (x: Tensor, axes: readonly number[]): Tensor => operator('aten::flip').one(x, axes);
/** `x[..., start:end, ...]` along one axis; a view. */
export const slice = (x: Tensor, axis: number, start: number, end: number): Tensor =>
  operator('aten::slice.Tensor').one(x, axis, start, end);
/** `x[..., index, ...]` along one axis, which disappears; a view. */
export const select = (x: Tensor, axis: number, index: number): Tensor =>
  operator('aten::select.int').one(x, axis, index);
/** Without the first element of every spatial axis; a view. */
export const shift = (x: Tensor): Tensor =>
  x.shape.slice(2).reduce((value, length, axis) => slice(value, axis + 2, 1, length), x);
/** Zero padding; pairs from the last axis backwards, as in libtorch. Negative values crop. */
export const pad = (x: Tensor, pairs: readonly number[]): Tensor => operator('aten::constant_pad_nd').one(x, pairs);
export const toDType = (x: Tensor, dtype: DType): Tensor => operator('aten::to.dtype').one(x, dtype);
export const toDevice = (x: Tensor, device: string): Tensor =>
  operator('aten::to.dtype_layout').one(x, null, null, device);
/** The same values with channels last in memory; the layout that convolutions are fast in. */
export const channelsLast = (x: Tensor): Tensor =>
  operator('aten::contiguous').one(
    x,
    x.shape.length === 5 ? 'channelsLast3d' : x.shape.length === 4 ? 'channelsLast' : 'contiguous',
  );
export const contiguous = (x: Tensor): Tensor => operator('aten::contiguous').one(x);

/**
 * Convolution of any rank; the rank is the length of `stride`. Weight `[out, in / groups, ...kernel]`; weight and bias are used in the precision of `x`.
 * Three slow paths of libtorch on the CPU are avoided, none of which changes a value beyond rounding; two of them do not exist in bfloat16. Axes along
 * which the kernel has one element are passed with dilation 2 where the last two are such, since on one thread such kernels take a path several times
 * slower otherwise; a single small image or volume takes an operator of its own, since libtorch's path for it is ten to a hundred times slower. And taps
 * that are so far apart that most of what they see lies outside of the image are computed for the rest of it alone. One that is wrong is avoided as well:
 * `overruns`.
 */
export const convolution = (
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  stride: readonly number[],
  padding: readonly number[],
  dilation: readonly number[],
  groups: number,
): Tensor => {
  const isHalf = x.dtype === 'bfloat16';
  const [own, shift] =
    x.dtype === weight.dtype ? [weight, bias] : [toDType(weight, x.dtype), bias && toDType(bias, x.dtype)];
  if (bias === null && stride.every((step) => step === 1) && seesLittle(x, weight, padding, dilation, groups))
    return operator('espalier::dilated_convolution').one(x, own, dilation[0]);
  if (overruns(x, weight, stride, padding, groups)) {
    const picked = stride.reduce((view, step, axis) => everyNth(view, axis + 2, step), x);
    return convolution(
      picked,
      weight,
      bias,
      stride.map(() => 1),
      padding,
      dilation,
      groups,
    );
  }
  const rates =
    endsInPoint(weight) && !isHalf ? dilation.map((rate, axis) => (weight.shape[axis + 2] === 1 ? 2 : rate)) : dilation;
  // A stride along an axis of one element changes nothing; libtorch 1.13 then reads memory of others for the gradient of a weight in bfloat16.
  const isSingle = (axis: number) =>
    x.shape[axis + 2] === 1 && 2 * padding[axis] === dilation[axis] * (weight.shape[axis + 2] - 1);
  const steps = isHalf ? stride.map((step, axis) => (isSingle(axis) ? 1 : step)) : stride;
  if (isSlowAlone(x, own, steps, groups))
    return operator('espalier::single_convolution').one(x, own, shift, steps, padding, rates);
  return operator('aten::convolution').one(
    x,
    own,
    shift,
    steps,
    padding,
    rates,
    false,
    stride.map(() => 0),
    groups,
  );
};

/**
 * A depthwise convolution of stride 1 that keeps the size, and the pointwise one behind it: `[batch, outputs, height, width]`. On the CPU one operator of
 * the kernels, for images in float32 and float64 and sides of three and five.
 * @param depthwise `[channels, 1, ...kernel]`
 * @param pointwise `[outputs, channels, 1, ...]`
 */
export const separableConvolution = (x: Tensor, depthwise: Tensor, pointwise: Tensor, dilation: number): Tensor => {
  const sides = depthwise.shape.slice(2);
  const isFused = x.device === 'cpu' && (x.dtype === 'float32' || x.dtype === 'float64');
  if (isFused && sides.length === 2 && sides[0] === sides[1] && (sides[0] === 3 || sides[0] === 5))
    return operator('espalier::separable_convolution').one(x, depthwise, pointwise, dilation);
  const all = (value: number) => sides.map(() => value);
  const paddings = sides.map((side) => (dilation * (side - 1)) / 2);
  return scope(() => {
    const filtered = convolution(x, depthwise, null, all(1), paddings, all(dilation), x.shape[1]);
    return convolution(filtered, pointwise, null, all(1), all(0), all(1), 1);
  });
};

/** Whether a 3x3 kernel that keeps the size sees less of an image than half of what its taps would see in an endless one, on the CPU. */
function seesLittle(
  x: Tensor,
  weight: Tensor,
  padding: readonly number[],
  dilation: readonly number[],
  groups: number,
): boolean {
  const [rate] = dilation;
  const isCentred = [...dilation, ...padding].every((length) => length === rate);
  const is3x3 = weight.shape.length === 4 && weight.shape[2] === 3 && weight.shape[3] === 3;
  if (rate === 1 || !isCentred || !is3x3 || groups > 1 || x.device !== 'cpu') return false;
  const seen = x.shape.slice(2).map((side) => 1 + 2 * Math.max(0, 1 - rate / side));
  return seen[0] * seen[1] < 9 / 2;
}

/**
 * Whether libtorch takes its plain path, by the first four axes of the input, and more than a few products are worth another one. It takes oneDNN where
 * both of the last two axes of a kernel are longer than three.
 */
function isSlowAlone(x: Tensor, weight: Tensor, stride: readonly number[], groups: number): boolean {
  const [batch, channels, ...size] = x.shape;
  if (batch !== 1 || groups > 1 || x.device !== 'cpu' || x.dtype !== 'float32' || size.length < 2) return false;
  if (channels * size[0] * size[1] > 20_480 || weight.shape.slice(-2).every((side) => side > 3)) return false;
  const outputs = size.reduce((product, side, axis) => product * Math.ceil(side / stride[axis]), 1);
  return weight.size * outputs > FEW_PRODUCTS;
}

/** What libtorch's plain path multiplies in the time that one call of oneDNN takes. */
const FEW_PRODUCTS = 10_000;

/**
 * Whether libtorch 1.13 would write beyond its memory: the backward pass of a 1x1 convolution of images that strides and reads fewer than 16 channels does so
 * in its oneDNN at even sides (`test/engine/heap.test.ts`). The elements that it reads are picked first.
 */
const overruns = (
  x: Tensor,
  { shape }: Tensor,
  stride: readonly number[],
  padding: readonly number[],
  groups: number,
): boolean =>
  x.device === 'cpu' &&
  shape.length === 4 &&
  groups === 1 &&
  shape[1] < 16 &&
  shape[2] === 1 &&
  shape[3] === 1 &&
  stride.some((step) => step > 1) &&
  padding.every((side) => side === 0);

/** Elements 0, `step`, 2 `step`, ... along an axis: a view. */
const everyNth = (x: Tensor, axis: number, step: number): Tensor =>
  step === 1 ? x : operator('aten::slice.Tensor').one(x, axis, 0, x.shape[axis], step);

/** Whether the kernel is one element wide along the last two axes, by which libtorch takes it for a 1x1. */
const endsInPoint = ({ shape }: Tensor): boolean => shape.slice(-2).every((length) => length === 1);

/**
 * Normalisation per channel over batch and space, and with `rectify` a ReLU behind it; with `training` by the statistics of the batch, which the running
 * ones follow in place. On the CPU these are kernels of their own for float32 and float64, except for gradients through the running ones.
 */
export const batchNorm = (
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  runningMean: Tensor | null,
  runningVariance: Tensor | null,
  training: boolean,
  momentum: number,
  epsilon: number,
  rectify = false,
): Tensor => {
  if (training && x.device === 'cpu' && (x.dtype === 'float32' || x.dtype === 'float64'))
    return operator('espalier::batch_norm').one(
      x,
      weight,
      bias,
      runningMean,
      runningVariance,
      momentum,
      epsilon,
      rectify,
    );
  if (!training && runningMean && runningVariance)
    return operator('espalier::batch_norm_running').one(
      x,
      weight,
      bias,
      runningMean,
      runningVariance,
      epsilon,
      rectify,
    );
  const plain = operator('aten::batch_norm');
  return scope(() => {
    const normal = plain.one(x, weight, bias, runningMean, runningVariance, training, momentum, epsilon, false);
    if (!rectify) return normal;
    return normal.requiresGradient ? relu(normal) : operator('aten::relu_').one(normal);
  });
};

/** Normalisation per sample and channel over space; with channels last in memory on the CPU a kernel of its own for float32 and float64. */
export const instanceNorm = (x: Tensor, weight: Tensor | null, bias: Tensor | null, epsilon: number): Tensor =>
  operator('espalier::instance_norm').one(x, weight, bias, epsilon);

/** Average over a kernel size; padding does not count. */
export const averagePool = (x: Tensor, kernel: number, stride: number, padding: number): Tensor => {
  const pool = operator(x.shape.length === 5 ? 'aten::avg_pool3d' : 'aten::avg_pool2d');
  // Volumes smaller than the kernel are refused, whatever the padding: there the sums are divided by hand.
  if (x.shape.length < 5 || x.shape.slice(2).every((length) => length >= kernel))
    return pool.one(x, kernel, stride, padding, false, false, null);
  const padded = (y: Tensor) => pad(y, Array<number>(2 * (x.shape.length - 2)).fill(padding));
  const sums = (y: Tensor) => pool.one(padded(y), kernel, stride, 0, false, false, 1);
  return divide(sums(x), sums(ones([1, 1, ...x.shape.slice(2)], x.dtype, x.device)));
};
export const maxPool = (x: Tensor, kernel: number, stride: number, padding: number): Tensor =>
  operator(x.shape.length === 5 ? 'aten::max_pool3d' : 'aten::max_pool2d').one(x, kernel, stride, padding, 1, false);
/** Mean over space, kept as size 1. */
export const globalAveragePool = (x: Tensor): Tensor =>
  meanOver(
    x,
    x.shape.slice(2).map((_, i) => i + 2),
    true,
  );

/**
 * Bilinear or trilinear resampling to `size`; `alignCorners` as in the paper's code. Returns `x` itself when it has that size already. Of images on the CPU,
 * with aligned corners, by a kernel of its own for float32 and float64.
 */
export const resize = (x: Tensor, size: readonly number[], alignCorners = true): Tensor => {
  if (size.every((length, i) => length === x.shape[i + 2])) return x;
  // libtorch resamples bfloat16 on the CPU many times slower than it converts it.
  if (x.dtype === 'bfloat16' && x.device === 'cpu')
    return toDType(resize(toDType(x, 'float32'), size, alignCorners), 'bfloat16');
  if (x.shape.length === 4 && alignCorners && x.device === 'cpu' && (x.dtype === 'float32' || x.dtype === 'float64'))
    return operator('espalier::resize').one(x, size);
  return x.shape.length === 5
    ? operator('aten::upsample_trilinear3d').one(x, size, alignCorners, null, null, null)
    : operator('aten::upsample_bilinear2d').one(x, size, alignCorners, null, null);
};

/** Cross-entropy of logits `[batch, classes, ...spatial]` with labels int64 `[batch, ...spatial]`. */
export const crossEntropy = (
  logits: Tensor,
  labels: Tensor,
  weight: Tensor | null,
  ignore: number,
  reduction: 'none' | 'mean' | 'sum' = 'mean',
): Tensor =>
  operator('aten::cross_entropy_loss').one(logits, labels, weight, { none: 0, mean: 1, sum: 2 }[reduction], ignore, 0);

/** Changes every element that is not finite, in place. */
export const replaceNotFinite = (target: Tensor, value: number): Tensor =>
  operator('aten::nan_to_num_').one(target, value, value, value);
/** Copies the values of `source` into `target`. */
export const copyInto = (target: Tensor, source: Tensor): Tensor => operator('aten::copy_').one(target, source, false);
/** Adds the values of `source` to those of `target`. */
export const addInto = (target: Tensor, source: Tensor): Tensor => operator('aten::add_.Tensor').one(target, source);
