/**
 * @file Scores of volumes, case by case and class by class, and their means: Dice, normalised surface Dice, 95th percentile Hausdorff distance.
 *
 * Rule for missing classes: in neither label nor prediction, a class is not counted (NaN) in that case; in one only, its Dice and surface Dice
 * are 0 and its Hausdorff distance is the diagonal of the volume. The background (class 0) is not scored. Regions have no background: all are scored.
 */
import { addToConfusion, type ConfusionMatrix, createConfusion } from './confusion.ts';
import { addToRegions, createRegionCounts, type RegionClasses, type RegionCounts, regionScores } from './regions.ts';
import { type Grid, surfaceScores } from './surface.ts';

/** Scores of one class in one case. */
export interface ClassScores {
  /** `2 |A and B| / (|A| + |B|)`, in [0, 1]. */
  readonly dice: number;
  /** Normalised surface Dice at the tolerance, in [0, 1]. */
  readonly surfaceDice: number;
  readonly hausdorff95Mm: number;
}

/** Scores of one case. */
export interface CaseScores {
  readonly id: string;
  /** Of classes 1, 2, ... in order, or of regions. */
  readonly classes: readonly ClassScores[];
}

/** Means over cases. */
export interface CaseSummary {
  /** Of classes 1, 2, ... or of regions: mean over the cases that count; NaN when none does. `cases` is their number. */
  readonly classes: readonly (ClassScores & { readonly cases: number })[];
  /** Mean of the classes' means. */
  readonly mean: ClassScores;
}

/** Dice of every class of a confusion matrix; NaN for a class that is nowhere. */
export function diceOf({ classes, counts }: ConfusionMatrix): number[] {
  const sizes = new Float64Array(classes);
  for (let row = 0; row < classes; row++) {
    for (let column = 0; column < classes; column++) {
      sizes[row] += counts[row * classes + column];
      sizes[column] += counts[row * classes + column];
    }
  }
  return Array.from(sizes, (size, c) => (2 * counts[c * classes + c]) / size);
}

/**
 * Scores one case of `classes` classes; voxels labelled `ignore` belong to no class on either side.
 * @throws DataError when a label or prediction is not a class.
 */
export function scoreCase(
  segmentation: { readonly id: string; readonly prediction: Uint8Array; readonly label: Uint8Array } & Grid,
  options: { classes: number; toleranceMm: number; ignore?: number },
): CaseScores & { readonly confusion: ConfusionMatrix } {
  const { id, prediction, label } = segmentation;
  const { classes, toleranceMm, ignore = 255 } = options;
  const confusion = createConfusion(classes);
  addToConfusion(confusion, prediction, label, ignore);
  const maskOf = (values: Uint8Array, c: number) =>
    values.map((value, voxel) => (value === c && label[voxel] !== ignore ? 1 : 0));
  const scores = diceOf(confusion)
    .map((dice, c) => ({ dice, c }))
    .slice(1)
    .map(({ dice, c }) => ({
      dice,
      ...surfaceScores(maskOf(prediction, c), maskOf(label, c), segmentation, toleranceMm),
    }));
  return { id, classes: scores, confusion };
}

/**
 * Scores one case of regions, each against the pixels of its label; voxels labelled `ignore` belong to no region on either side.
 * @throws DataError when a label is not a class.
 */
export function scoreRegionCase(
  segmentation: { readonly id: string; readonly masks: Uint8Array; readonly label: Uint8Array } & Grid,
  options: { regions: RegionClasses; classes: number; toleranceMm: number; ignore?: number },
): CaseScores & { readonly counts: RegionCounts } {
  const { id, masks, label } = segmentation;
  const { regions, toleranceMm, ignore = 255 } = options;
  const counts = createRegionCounts(regions.length);
  addToRegions(counts, masks, label, options);
  const { dice } = regionScores(counts);
  const classes = regions.map(({ classes: ids }, region) => {
    const start = region * label.length;
    const predicted = label.map((value, i) => (masks[start + i] !== 0 && value !== ignore ? 1 : 0));
    const labelled = label.map((value) => (value !== ignore && ids.includes(value) ? 1 : 0));
    return { dice: dice[region], ...surfaceScores(predicted, labelled, segmentation, toleranceMm) };
  });
  return { id, classes, counts };
}

/** Means of cases that all have the same classes. */
export function summariseCases(cases: readonly CaseScores[]): CaseSummary {
  const count = cases[0]?.classes.length ?? 0;
  const classes = Array.from({ length: count }, (_, c) => {
    const scores = cases.map((one) => one.classes[c]);
    return { ...meanScores(scores), cases: scores.filter(({ dice }) => !Number.isNaN(dice)).length };
  });
  return { classes, mean: meanScores(classes) };
}

function meanScores(scores: readonly ClassScores[]): ClassScores {
  const mean = (key: keyof ClassScores): number => {
    const present = scores.map((score) => score[key]).filter((value) => !Number.isNaN(value));
    return present.reduce((sum, value) => sum + value, 0) / present.length;
  };
  return { dice: mean('dice'), surfaceDice: mean('surfaceDice'), hausdorff95Mm: mean('hausdorff95Mm') };
}
