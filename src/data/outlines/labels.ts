/**
 * @file The labels of an image on the disk as a raster, however they are kept: a label file, shapes of an annotation tool, or several masks.
 */
import { DataError } from '../../base/errors.ts';
import { loadLabels } from '../images/labels.ts';
import { turnLabels } from '../images/orientation.ts';
import type { ImageSource, Raster } from '../types.ts';
import { drawLabels } from './draw.ts';
import type { LabelDrawing } from './shapes.ts';
import { type Spans, spansOfMask } from './spans.ts';

/** Labels of a source that has some. */
export type LabelledSource = Extract<ImageSource, { kind: 'files' }> & { label: string };

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
  const labels = drawLabels(drawn, image, label, await loadMasks(drawn, image));
  const isUpright = labels.width === image.width && labels.height === image.height;
  return isUpright ? { labels, turned: false } : turnLabels(labels, image);
}

/** What is inside the mask files of a drawing, one after another: a whole mask is in memory only while it is read. */
async function loadMasks(
  { shapes }: LabelDrawing,
  { width, height }: { width: number; height: number },
): Promise<Map<string, Spans>> {
  const masks = new Map<string, Spans>();
  for (const shape of shapes) {
    if (shape.kind !== 'file') continue;
    const { data, channels, ...mask } = await loadLabels(shape.path);
    if (mask.width !== width || mask.height !== height)
      throw new DataError(
        `${shape.path}: is ${mask.width}x${mask.height}, its image ${width}x${height}`,
        'an image and its masks have one size: scale masks with the nearest neighbour only',
      );
    const isInside = (pixel: number): boolean => {
      for (let c = 0; c < channels; c++) if (data[pixel * channels + c] !== 0) return true;
      return false;
    };
    masks.set(shape.path, spansOfMask({ ...mask, isInside }, [0, 0], width, height));
  }
  return masks;
}
