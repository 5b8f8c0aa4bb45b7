/**
 * @file The labels of an image on the disk as a raster, however they are kept: a label file, or shapes of an annotation tool.
 */
import { loadLabels } from '../images/labels.ts';
import { turnLabels } from '../images/orientation.ts';
import type { PictureSource, Raster } from '../types.ts';
import { drawLabels } from './draw.ts';

/** Labels of a source that has some. */
export type LabelledSource = Extract<PictureSource, { kind: 'files' }> & { label: string };

/**
 * Loads the labels of an image, turned upright like it. Label files of the size of the stored image were drawn on the stored pixels; shapes were drawn on
 * the upright image, as tools show it, unless they state the sides of the stored one.
 * @param image its upright size, and its orientation.
 */
export async function loadStoredLabels(
  { label, drawn }: LabelledSource,
  image: { width: number; height: number; orientation: number },
): Promise<{ labels: Raster; turned: boolean }> {
  if (drawn === undefined) return turnLabels(await loadLabels(label), image);
  const labels = drawLabels(drawn, image, label);
  const isUpright = labels.width === image.width && labels.height === image.height;
  return isUpright ? { labels, turned: false } : turnLabels(labels, image);
}
