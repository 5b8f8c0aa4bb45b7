/**
 * @file The embedded scenes as a data set: seeds instead of files, so that a first run needs no download.
 */
import { ConfigError } from '../../base/errors.ts';
import { createLabelMap, type DataSet, IGNORE, type Sample } from '../types.ts';
import { SCENE_CLASSES } from './classes.ts';

/** How many scenes of what size. */
export interface SceneSetOptions {
  /** Pixels; default 192. */
  width?: number;
  /** Pixels; default 160. */
  height?: number;
  /** Scenes in train; default 400. */
  train?: number;
  /** Scenes in val; default 80. */
  val?: number;
}

/** Scenes of val start at this seed, those of train at 0: they never meet. */
const VAL_SEED = 1_000_000;

/** Creates the data set `scenes`. */
export function createSceneSet(options: SceneSetOptions = {}): DataSet {
  const { width = 192, height = 160, train = 400, val = 80 } = options;
  const samples = (first: number, count: number): Sample[] =>
    Array.from({ length: count }, (_, i) => ({
      id: `scene-${first + i}`,
      source: { kind: 'scene', seed: first + i, width, height },
    }));
  return {
    name: 'scenes',
    layout: 'scenes',
    rank: 2,
    classes: SCENE_CLASSES.map((entry) => ({ ...entry })),
    ignore: IGNORE,
    labelMap: createLabelMap(SCENE_CLASSES.length),
    splits: { train: samples(0, train), val: samples(VAL_SEED, val) },
    unpaired: [],
  };
}

/** The size in `scenes` or `scenes:<width>x<height>`; undefined for any other name. */
export function parseSceneName(name: string): SceneSetOptions | undefined {
  if (name === 'scenes' || name === 'scenes:') return {};
  if (!name.startsWith('scenes:')) return undefined;
  const [, width, height] = /^scenes:(\d+)x(\d+)$/.exec(name)?.map(Number) ?? [];
  if (width === undefined || Math.min(width, height) < 32 || Math.max(width, height) > 2048) {
    throw new ConfigError(
      `"${name}": expected scenes or scenes:<width>x<height>`,
      'both from 32 to 2048, as in scenes:192x160',
    );
  }
  return { width, height };
}
