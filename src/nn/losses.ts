/**
 * @file Losses on the logits of a segmentation network: `[batch, classes, ...spatial]` float, or `[batch, regions, ...spatial]`, against labels
 * `[batch, ...spatial]` int64. Pixels labelled `ignore` never count.
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
    let dice = softDice(op.multiply(op.softmax(logits, 1), mask), target, smoothing);
    if (!background) dice = op.slice(dice, 0, 1, classes);
    return op.addNumber(op.negate(op.mean(dice)), 1);
  });
}

/** `(2 |p y| + s) / (|p| + |y| + s)` of each channel, with sums over the batch and space. */
function softDice(probability: Tensor, target: Tensor, smoothing: number): Tensor {
  const axes = spatialAxes(probability);
  const overlap = op.sumOver(op.multiply(probability, target), axes);
  const total = op.sumOver(op.add(probability, target), axes);
  return op.divide(op.addNumber(op.scale(overlap, 2), smoothing), op.addNumber(total, smoothing));
}

/** All axes but that of the channels. */
const spatialAxes = ({ shape }: Tensor): number[] => [0, ...shape.slice(2).map((_, i) => i + 2)];

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

/** Options of the losses of regions. */
export interface RegionLossOptions {
  /** For each class and region 1 where the class is inside, else 0: `[classes, regions]`, of the type of the logits. */
  readonly inside: Tensor;
  /** What the binary cross-entropy of each region counts, `[regions]`; alike by default. */
  readonly weight?: Tensor | null;
  readonly ignore?: number;
}

/** Where each region is, `[batch, regions, ...spatial]` of 0 and 1 in the type of `inside`, and where labels count, `[batch, 1, ...spatial]`. */
function regionTargets(labels: Tensor, inside: Tensor, ignore: number): { target: Tensor; counting: Tensor } {
  const valid = operator('aten::ne.Scalar').one(labels, ignore);
  const ids = op.reshape(op.multiply(labels, valid), [-1]);
  const rows = op.reshape(operator('aten::index_select').one(inside, 0, ids), [...labels.shape, inside.shape[1]]);
  const last = labels.shape.length;
  const channelsFirst = [0, last, ...labels.shape.slice(1).map((_, axis) => axis + 1)];
  return {
    target: op.permute(rows, channelsFirst),
    counting: operator('aten::unsqueeze').one(op.toDType(valid, inside.dtype), 1),
  };
}

/**
 * Binary cross-entropy of regions: logits `[batch, regions, ...spatial]` against class labels, the weighted mean over regions of the mean over the pixels
 * that count; 0 with a gradient of 0 where none does.
 */
export function regionCrossEntropy(logits: Tensor, labels: Tensor, options: RegionLossOptions): Tensor {
  const { inside, weight = null, ignore = IGNORE } = options;
  return scope(() => {
    const { target, counting } = regionTargets(labels, inside, ignore);
    const losses = operator('aten::binary_cross_entropy_with_logits').one(logits, target, null, null, 0);
    const regions = logits.shape[1];
    const weights = weight ?? op.full([regions], 1, inside.dtype, inside.device);
    const perRegion = op.sumOver(op.multiply(losses, counting), spatialAxes(logits));
    const total = op.multiply(op.clamp(op.sum(counting), TINY, null), op.sum(weights));
    return op.divide(op.sum(op.multiply(perRegion, weights)), total);
  });
}

/** One minus the soft Dice coefficient of regions, as {@link diceLoss} of classes: by sigmoids, the mean over all regions. */
export function regionDiceLoss(
  logits: Tensor,
  labels: Tensor,
  options: RegionLossOptions & { smoothing?: number },
): Tensor {
  const { inside, ignore = IGNORE, smoothing = 1e-5 } = options;
  return scope(() => {
    const { target, counting } = regionTargets(labels, inside, ignore);
    const dice = softDice(op.multiply(op.sigmoid(logits), counting), op.multiply(target, counting), smoothing);
    return op.addNumber(op.negate(op.mean(dice)), 1);
  });
}

/** Dice plus binary cross-entropy, one to one: what nnU-Net trains regions with. */
export const regionLoss = (logits: Tensor, labels: Tensor, options: RegionLossOptions): Tensor =>
  scope(() => op.add(regionDiceLoss(logits, labels, options), regionCrossEntropy(logits, labels, options)));

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
