/**
 * @file The seven classes of the embedded scenes.
 */
import type { SegmentationClass } from '../types.ts';

/** In the order of their ids. */
export const SCENE_CLASSES = [
  { name: 'sky', colour: [96, 160, 224] },
  { name: 'ground', colour: [128, 96, 64] },
  { name: 'building', colour: [176, 64, 64] },
  { name: 'tree', colour: [48, 128, 48] },
  { name: 'ball', colour: [240, 192, 48] },
  { name: 'box', colour: [160, 80, 176] },
  { name: 'pole', colour: [224, 224, 224] },
] as const satisfies readonly SegmentationClass[];
