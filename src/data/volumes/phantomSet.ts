/**
 * @file The phantoms as a data set: seeds instead of files, so that volumes can be tried without a download.
 */
import { ConfigError } from '../../base/errors.ts';
import { createLabelMap, IGNORE, type Sample, type VolumeSet } from '../types.ts';
import type { VolumeShape } from '../volume.ts';
import { PHANTOM_CLASSES } from './phantoms.ts';
import { standardPreparation } from './preparation.ts';

/** How many phantoms of what size. */
export interface PhantomSetOptions {
  /** `[depth, height, width]`; default 40 voxels each. */
  shape?: VolumeShape;
  /** Volumes in train; default 40. */
  train?: number;
  /** Volumes in val; default 10. */
  val?: number;
}

/** Phantoms of val start at this seed, those of train at 0: they never meet. */
const VAL_SEED = 1_000_000;

/** Creates the data set `phantoms`. */
export function createPhantomSet(options: PhantomSetOptions = {}): VolumeSet {
  const { shape = [40, 40, 40], train = 40, val = 10 } = options;
  const samples = (first: number, count: number): Sample[] =>
    Array.from({ length: count }, (_, i) => ({
      id: `phantom-${first + i}`,
      source: { kind: 'phantom', seed: first + i, shape },
    }));
  const modalities = ['MRI'];
  return {
    name: 'phantoms',
    layout: 'phantoms',
    rank: 3,
    classes: PHANTOM_CLASSES.map((entry) => ({ ...entry })),
    ignore: IGNORE,
    labelMap: createLabelMap(PHANTOM_CLASSES.length),
    splits: { train: samples(0, train), val: samples(VAL_SEED, val) },
    unpaired: [],
    modalities,
    preparation: standardPreparation(modalities),
  };
}

/** The size in `phantoms` or `phantoms:<width>x<height>x<depth>`; undefined for any other name. */
export function parsePhantomName(name: string): PhantomSetOptions | undefined {
  if (name === 'phantoms' || name === 'phantoms:') return {};
  if (!name.startsWith('phantoms:')) return undefined;
  const [, width, height, depth] = /^phantoms:(\d+)x(\d+)x(\d+)$/.exec(name)?.map(Number) ?? [];
  if (width === undefined || Math.min(width, height, depth) < 8 || Math.max(width, height, depth) > 256) {
    throw new ConfigError(
      `"${name}": expected phantoms or phantoms:<width>x<height>x<depth>`,
      'all from 8 to 256, as in phantoms:48x48x32',
    );
  }
  return { shape: [depth, height, width] };
}
