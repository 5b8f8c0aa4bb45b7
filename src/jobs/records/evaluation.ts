/**
 * @file Scores and the CRF of an evaluation as `evaluation.json` has them.
 */
import type { Scores } from '../../infer/evaluate.ts';
import type { EvaluationRecord } from '../../run/evaluations.ts';
import type { FoundCrf } from '../prepare/crf.ts';

/** What `evaluation.json` says of the CRF; its intensity is in the units of the settings. */
export function recordOfCrf(
  { options, tunedOn }: FoundCrf,
  unitsAnIntensity: number,
  { unrefined }: Pick<Scores, 'unrefined'>,
): NonNullable<EvaluationRecord['crf']> {
  const { iterations, appearance, smoothness, exact = false } = options;
  const listOf = (position: number | readonly number[]) => [position].flat();
  return {
    iterations,
    appearance: {
      weight: appearance.weight,
      position: listOf(appearance.position),
      intensity: appearance.intensity * unitsAnIntensity,
    },
    smoothness: { weight: smoothness.weight, position: listOf(smoothness.position) },
    exact,
    tunedOn,
    ms: unrefined && Number.isFinite(unrefined.crfMs) ? unrefined.crfMs : null,
    without: unrefined ? summaryOf(unrefined) : { miou: null, pixelAccuracy: null, meanAccuracy: null },
  };
}

/** The scores that a record of an evaluation has; null where there is nothing to measure. */
export function summaryOf({
  miou,
  pixelAccuracy,
  meanAccuracy,
  volumes,
}: Omit<Scores, 'unrefined'>): EvaluationRecord['scores'] {
  const known = (value: number) => (Number.isFinite(value) ? value : null);
  const mean = volumes?.summary.mean;
  return {
    miou: known(miou),
    pixelAccuracy: known(pixelAccuracy),
    meanAccuracy: known(meanAccuracy),
    ...(mean
      ? { dice: known(mean.dice), surfaceDice: known(mean.surfaceDice), hausdorff95Mm: known(mean.hausdorff95Mm) }
      : {}),
  };
}
