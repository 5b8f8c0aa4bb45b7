/**
 * @file The confusion matrix of a segmentation and the scores that follow from it: intersection over union, accuracies, support.
 *
 * Counts are float64, exact up to 2^53 pixels. The module knows neither files nor colours nor class names.
 */
import { DataError, ShapeError } from '../base/errors.ts';

/** Pixel counts: `counts[label * classes + prediction]`. Plain data. */
export interface ConfusionMatrix {
  readonly classes: number;
  /** Row-major `[label, prediction]`, length `classes * classes`. */
  readonly counts: Float64Array;
}

/**
 * Scores of a confusion matrix, all in [0, 1].
 *
 * Rule for absent classes: a class that is neither labelled nor predicted anywhere has IoU NaN and is left out of `miou`; one that is
 * predicted but never labelled has IoU 0 and counts. A class without labels has accuracy NaN and is left out of `meanAccuracy`.
 * With no pixels at all every mean is NaN.
 */
export interface SegmentationScores {
  /** Intersection over union by class. */
  readonly iou: number[];
  /** Share of the labelled pixels that were found (recall) by class. */
  readonly accuracy: number[];
  readonly miou: number;
  readonly pixelAccuracy: number;
  readonly meanAccuracy: number;
  /** Labelled pixels by class. */
  readonly support: number[];
}

/** Classes that were predicted anywhere. */
export function countPredicted({ classes, counts }: ConfusionMatrix): number {
  const predicted = new Set<number>();
  for (const [i, count] of counts.entries()) if (count > 0) predicted.add(i % classes);
  return predicted.size;
}

/** An empty matrix for `classes` classes (1 to 256). */
export function createConfusion(classes: number): ConfusionMatrix {
  if (!Number.isInteger(classes) || classes < 1 || classes > 256) {
    throw new ShapeError(`expected 1 to 256 classes, got ${classes}`);
  }
  return { classes, counts: new Float64Array(classes * classes) };
}

/**
 * Counts every pixel whose label is not `ignore`; changes `matrix`.
 *
 * @throws ShapeError when the two images differ in length.
 * @throws DataError when a label or prediction is not a class; the matrix is then unchanged.
 */
export function addToConfusion(
  matrix: ConfusionMatrix,
  prediction: Uint8Array,
  label: Uint8Array,
  ignore: number = 255,
): void {
  if (prediction.length !== label.length) {
    throw new ShapeError(`expected as many predictions as labels, got ${prediction.length} and ${label.length}`);
  }
  const { classes, counts } = matrix;
  // One pass over bytes into a dense 256 x 256 table: the check on values then costs nothing per pixel.
  const pairs = new Uint32Array(65536);
  for (let i = 0; i < label.length; i++) pairs[(label[i] << 8) | prediction[i]]++;
  for (let pair = 0; pair < 65536; pair++) {
    if (pairs[pair] === 0 || pair >> 8 === ignore) continue;
    requireClass('label', pair >> 8, classes, ignore);
    requireClass('prediction', pair & 255, classes, ignore);
  }
  for (let row = 0; row < classes; row++) {
    if (row === ignore) continue;
    for (let column = 0; column < classes; column++) counts[row * classes + column] += pairs[(row << 8) | column];
  }
}

/** Adds `other` to `matrix`, which changes. */
export function mergeConfusion(matrix: ConfusionMatrix, other: ConfusionMatrix): void {
  if (matrix.classes !== other.classes) {
    throw new ShapeError(`expected a confusion matrix of ${matrix.classes} classes, got one of ${other.classes}`);
  }
  for (let i = 0; i < other.counts.length; i++) matrix.counts[i] += other.counts[i];
}

/** The scores of a matrix; see {@link SegmentationScores} for the rule on absent classes. */
export function segmentationScores(matrix: ConfusionMatrix): SegmentationScores {
  const { classes, counts } = matrix;
  const support = new Array<number>(classes).fill(0);
  const predicted = new Array<number>(classes).fill(0);
  const hits = new Array<number>(classes).fill(0);
  for (let row = 0; row < classes; row++) {
    for (let column = 0; column < classes; column++) {
      const count = counts[row * classes + column];
      support[row] += count;
      predicted[column] += count;
      if (row === column) hits[row] = count;
    }
  }
  // 0 / 0 is NaN: exactly the rule for absent classes.
  const iou = hits.map((hit, c) => hit / (support[c] + predicted[c] - hit));
  const accuracy = hits.map((hit, c) => hit / support[c]);
  return {
    iou,
    accuracy,
    miou: meanOfNumbers(iou),
    pixelAccuracy: sum(hits) / sum(support),
    meanAccuracy: meanOfNumbers(accuracy),
    support,
  };
}

function requireClass(what: string, value: number, classes: number, ignore: number): void {
  if (value < classes) return;
  throw new DataError(
    `expected a ${what} from 0 to ${classes - 1} (or ${ignore} to ignore it), got ${value}`,
    'check the classes of the data set with "espalier data check"',
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The mean of the values that are numbers; NaN when none is. */
export function meanOfNumbers(values: readonly number[]): number {
  const present = values.filter((value) => !Number.isNaN(value));
  return sum(present) / present.length;
}
