/**
 * @file A sample by reference to a sample in memory: reads or paints it, and maps raw label values to class ids.
 */
import { DataError } from '../base/errors.ts';
import { loadImageFile } from './images/image.ts';
import { type LabelFormat, readLabelIds } from './images/labelIds.ts';
import { type LabelledSource, loadStoredLabels } from './outlines/labels.ts';
import { paintScene } from './scenes/scenes.ts';
import { IGNORE, type LabelledImage, type Raster, type Sample } from './types.ts';

/**
 * Loads one sample of a data set. Without a label file every label is `IGNORE`, or `blank` where the source says so. Labels of the size of the stored image are turned upright with
 * it.
 * Throws a `DataError` that names the file: unreadable, sizes that differ, labels outside the classes.
 */
export async function loadSample(dataset: LabelFormat, sample: Sample): Promise<LabelledImage> {
  const { source } = sample;
  if (source.kind === 'scene') return paintScene(source.seed, source.width, source.height);
  if (source.kind !== 'files') throw new DataError(`${sample.id}: expected an image, got a volume`);
  const picture = await loadImageFile(source.image);
  const { width, height } = picture;
  if (source.label === undefined) {
    return { width, height, image: picture.data, label: new Uint8Array(width * height).fill(source.blank ?? IGNORE) };
  }
  const { labels } = await loadStoredLabels(source as LabelledSource, picture);
  requireSameSize(labels, source.label, picture);
  return { width, height, image: picture.data, label: readLabelIds(labels, dataset, source.label).ids };
}

/** An image and its labels have one size. @throws DataError */
export function requireSameSize(labels: Raster, file: string, image: { width: number; height: number }): void {
  if (labels.width === image.width && labels.height === image.height) return;
  throw new DataError(
    `${file}: is ${labels.width}x${labels.height}, its image ${image.width}x${image.height}`,
    'an image and its labels have one size: scale labels with the nearest neighbour only',
  );
}
