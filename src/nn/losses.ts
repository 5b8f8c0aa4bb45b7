/**
 * @file Losses on the logits of a segmentation network: `[batch, classes, ...spatial]` float against labels `[batch, ...spatial]` int64.
 * Pixels labelled `ignore` never count.
 */
import { ConfigError, ShapeError } from '../base/errors.ts';
import { operator } from '../engine/call.ts';
import * as op from '../engine/operators.ts';
import { type DType, scope, type Tensor } from '../engine/tensor.ts';

/** The label that does not count, everywhere in the package. */
export const IGNORE = 255;

/**
 * Mean cross-entropy over the pixels that count, each weighted by the weight of its class (`[classes]`) if given. Of no such pixel it is 0 with a
 * gradient of 0, where a mean of libtorch's is 0 / 0.
 */
export function crossEntropy(
  logits: Tensor,
  labels: Tensor,
  options: { weight?: Tensor | null; ignore?: number } = {},
): Tensor {
  const { weight = null, ignore = IGNORE } = options;
  return scope(() => {
    const total = op.crossEntropy(logits, labels, weight, ignore, 'sum');
    return op.divide(total, op.clamp(countedWeight(labels, ignore, weight, logits.dtype), TINY, null));
  });
}

/** The sum of the class weights (1 without) of all pixels that count. */
function countedWeight(labels: Tensor, ignore: number, weight: Tensor | null, dtype: DType): Tensor {
  const counting = operator('aten::ne.Scalar').one(labels, ignore);
  if (weight === null) return op.toDType(op.sum(counting), dtype);
  const classes = op.reshape(op.multiply(labels, counting), [-1]);
  const weights = operator('aten::index_select').one(weight, 0, classes);
  return op.sum(op.multiply(weights, op.reshape(counting, [-1])));
}

/** Below every weight of a pixel: what nothing is divided by. */
const TINY = 1e-30;

/**
 * Online hard example mining: mean cross-entropy over the `fraction` of counting pixels with the largest loss; 0 where no pixel counts.
 * @param options.fraction in (0, 1]; 1 is the plain mean
 */
export function hardPixelCrossEntropy(
  logits: Tensor,
  labels: Tensor,
  options: { fraction: number; weight?: Tensor | null; ignore?: number },
): Tensor {
  const { fraction, ignore = IGNORE } = options;
  if (!(fraction > 0 && fraction <= 1)) throw new ConfigError(`ohem fraction must lie in (0, 1], got ${fraction}`);
  return scope(() => {
    const losses = op.reshape(op.crossEntropy(logits, labels, options.weight ?? null, ignore, 'none'), [-1]);
    const counting = op.sum(operator('aten::ne.Scalar').one(labels, ignore)).item();
    const kept = Math.max(1, Math.round(fraction * counting));
    const [hardest] = operator('aten::topk').many(losses, Math.min(kept, losses.size), 0, true, false) as Tensor[];
    return op.mean(hardest);
  });
}

/**
 * One minus the soft Dice coefficient, mean over classes: `2 |p y| / (|p| + |y|)` with sums over the batch and space.
 * @param options.background false leaves class 0 out of the mean
 */
export function diceLoss(
  logits: Tensor,
  labels: Tensor,
  options: { ignore?: number; smoothing?: number; background?: boolean } = {},
): Tensor {
  const { ignore = IGNORE, smoothing = 1e-5, background = true } = options;
  return scope(() => {
    const classes = logits.shape[1];
    const valid = operator('aten::ne.Scalar').one(labels, ignore);
    const safe = op.multiply(labels, valid);
    const lastAxis = logits.shape.length - 1;
    const channelsFirst = [0, lastAxis, ...logits.shape.slice(2).map((_, i) => i + 1)];
    const oneHot = op.permute(operator('aten::one_hot').one(safe, classes), channelsFirst);
    const mask = operator('aten::unsqueeze').one(op.toDType(valid, logits.dtype), 1);
    const target = op.multiply(op.toDType(oneHot, logits.dtype), mask);
    const probability = op.multiply(op.softmax(logits, 1), mask);
    const axes = [0, ...logits.shape.slice(2).map((_, i) => i + 2)];
    const overlap = op.sumOver(op.multiply(probability, target), axes);
    const total = op.sumOver(op.add(probability, target), axes);
    let dice = op.divide(op.addNumber(op.scale(overlap, 2), smoothing), op.addNumber(total, smoothing));
    if (!background) dice = op.slice(dice, 0, 1, classes);
    return op.addNumber(op.negate(op.mean(dice)), 1);
  });
}

/** Dice without background plus cross-entropy, one to one: the usual loss of volumes, where a class may be a thousandth of the voxels. */
export function diceCrossEntropy(
  logits: Tensor,
  labels: Tensor,
  options: { weight?: Tensor | null; ignore?: number } = {},
): Tensor {
  const { weight = null, ignore = IGNORE } = options;
  return scope(() =>
    op.add(diceLoss(logits, labels, { ignore, background: false }), crossEntropy(logits, labels, { weight, ignore })),
  );
}

/**
 * Deep supervision: the weighted mean of a loss at every size of logits, each level with half the weight of the next finer one.
 * Labels are picked, not mixed: logits at stride 2^k meet every 2^k-th label.
 * @param outputs logits, the full size first, then sizes `ceil(size / 2^k)`.
 * @throws ShapeError when a size is none of these.
 */
export function deepSupervision(
  loss: (logits: Tensor, labels: Tensor) => Tensor,
  outputs: readonly Tensor[],
  labels: Tensor,
): Tensor {
  if (outputs.length === 1) return loss(outputs[0], labels);
  const weights = outputs.map((_, level) => 2 ** -level);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return scope(() =>
    outputs
      .map((logits, level) => op.scale(loss(logits, pickLabels(labels, logits.shape.slice(2))), weights[level] / total))
      .reduce(op.add),
  );
}

/** Every 2^k-th label along each axis, so that `size` are left. */
function pickLabels(labels: Tensor, size: readonly number[]): Tensor {
  return size.reduce((picked, wanted, i) => {
    const length = labels.shape[i + 1];
    let stride = 1;
    while (Math.ceil(length / stride) > wanted) stride *= 2;
    if (Math.ceil(length / stride) !== wanted)
      throw new ShapeError(`logits of length ${wanted} over labels of length ${length}: not at a stride of 2^k`);
    return stride === 1 ? picked : operator('aten::slice.Tensor').one(picked, i + 1, 0, length, stride);
  }, labels);
}
