import { createSceneSet } from '../../src/data/sceneSet.ts';
import type { DataSet } from '../../src/data/types.ts';

/** A handful of small scenes. */
export const smallScenes = (train: number, val: number): DataSet =>
  createSceneSet({ width: 64, height: 48, train, val });
