/**
 * @file The fingerprint of a data set of volumes: the measures from which spacing, patch and normalisation are chosen, gathered volume by
 * volume in little memory.
 */
import { type LabelVolume, spacingOf, type Volume } from '../volume.ts';
import { percentile } from './normalise.ts';
import { orientationOf, turnedAffine, turnedShape } from './orientation.ts';

/** Smallest, median and largest along each axis `[depth, height, width]`, axis by axis. */
export interface Spread {
  smallest: number[];
  median: number[];
  largest: number[];
}

/** Intensities of one channel inside the foreground. */
export interface Intensities {
  modality: string;
  /** Percentiles 0.5, 50 and 99.5. */
  low: number;
  median: number;
  high: number;
  mean: number;
  deviation: number;
}

/** What the volumes of a data set are like; axes are those of RAS+, whatever the files have. */
export interface Fingerprint {
  volumes: number;
  /** Voxels. */
  shapes: Spread;
  /** Millimetres. */
  spacings: Spread;
  /** Millimetres from edge to edge. */
  extents: Spread;
  intensities: Intensities[];
}

/** From each volume at most so many intensities of a channel are kept, evenly spread. */
const VALUES_A_VOLUME = 2_000;

/** Gathers a fingerprint. */
export function createFingerprint(modalities: readonly string[]) {
  const shapes: number[][] = [];
  const spacings: number[][] = [];
  const values: number[][] = modalities.map(() => []);
  return {
    /** Adds a volume; without labels, or without foreground in them, all of it counts as foreground. */
    add({ shape, affine, data, channels }: Volume, label: Pick<LabelVolume, 'data'> | undefined): void {
      const orientation = orientationOf(affine);
      shapes.push([...turnedShape(shape, orientation)]);
      spacings.push(spacingOf(turnedAffine(affine, shape, orientation)));
      const places = foregroundPlaces(label?.data, data.length / channels);
      for (let c = 0; c < channels; c++) {
        for (const place of places) {
          const value = data[(c * data.length) / channels + place];
          if (!Number.isNaN(value)) values[c].push(value);
        }
      }
    },
    /** The fingerprint of what was added; undefined when nothing was. */
    result(): Fingerprint | undefined {
      if (shapes.length === 0) return undefined;
      return {
        volumes: shapes.length,
        shapes: spreadOf(shapes),
        spacings: spreadOf(spacings),
        extents: spreadOf(shapes.map((shape, i) => shape.map((side, axis) => side * spacings[i][axis]))),
        intensities: modalities.map((modality, c) => ({ modality, ...measure(values[c]) })),
      };
    },
  };
}

/** Evenly spread places of voxels of a class other than the background. */
function foregroundPlaces(label: Uint8Array | undefined, voxels: number): number[] {
  const isForeground = (i: number): boolean => label === undefined || (label[i] !== 0 && label[i] !== 255);
  let count = 0;
  for (let i = 0; i < voxels; i++) if (isForeground(i)) count++;
  if (count === 0) return foregroundPlaces(undefined, voxels);
  const step = Math.max(1, count / VALUES_A_VOLUME);
  const places: number[] = [];
  for (let i = 0, seen = 0; i < voxels; i++) if (isForeground(i) && seen++ >= places.length * step) places.push(i);
  return places;
}

function spreadOf(rows: readonly number[][]): Spread {
  const columns = [0, 1, 2].map((axis) => rows.map((row) => row[axis]).sort((a, b) => a - b));
  return {
    smallest: columns.map((column) => column[0]),
    median: columns.map((column) => percentile(column, 50)),
    largest: columns.map((column) => column[column.length - 1]),
  };
}

function measure(values: readonly number[]): Omit<Intensities, 'modality'> {
  const sorted = Float64Array.from(values).sort();
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  const variance = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / sorted.length;
  return {
    low: percentile(sorted, 0.5),
    median: percentile(sorted, 50),
    high: percentile(sorted, 99.5),
    mean,
    deviation: Math.sqrt(variance),
  };
}
