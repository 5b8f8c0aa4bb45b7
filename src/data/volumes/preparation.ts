/**
 * @file How a volume is made ready for a network: settings as plain data, stored with a trained network because predictions need the
 * same. What they do is in `prepare.ts`.
 */

/**
 * How the intensities of one channel become numbers about zero.
 * - `window`: clipped to [low, high] (Hounsfield units in CT), then (value - mean) / deviation;
 * - `zscore`: clipped to two percentiles of the volume's own foreground, then its mean 0 and deviation 1: for MR, whose units mean nothing;
 * - `none`: as stored.
 */
export type Normalisation =
  | { kind: 'window'; window: [low: number, high: number]; mean: number; deviation: number }
  | { kind: 'zscore'; percentiles: [low: number, high: number] }
  | { kind: 'none' };

/** Settings of the preparation. */
export interface Preparation {
  /** Millimetres from voxel to voxel along `[depth, height, width]` that volumes are resampled to; null keeps every volume's own. */
  spacingMm: [depth: number, height: number, width: number] | null;
  /** One for each channel. */
  normalisation: Normalisation[];
  /** Cuts away the outer slices in which no channel rises above its floor (the window's lower end, else the smallest value). */
  cropForeground: boolean;
}

/** The window of soft tissue that holds where no plan states a better one, in Hounsfield units. */
const SOFT_TISSUE: [number, number] = [-175, 250];

/** The preparation of a data set about which only the modalities are known. */
export function standardPreparation(modalities: readonly string[]): Preparation {
  return { spacingMm: null, normalisation: modalities.map(standardNormalisation), cropForeground: true };
}

/** `window` to [-1, 1] for CT, `zscore` between the 0.5th and the 99.5th percentile for everything else. */
export function standardNormalisation(modality: string): Normalisation {
  return /^ct\b/i.test(modality.trim())
    ? windowNormalisation(SOFT_TISSUE)
    : { kind: 'zscore', percentiles: [0.5, 99.5] };
}

/** A window that becomes [-1, 1]. */
export function windowNormalisation(window: [low: number, high: number]): Normalisation {
  const [low, high] = window;
  return { kind: 'window', window, mean: (low + high) / 2, deviation: (high - low) / 2 };
}
