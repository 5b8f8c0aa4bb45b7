/**
 * @file A sample by reference to a sample in memory: reads or paints it, maps raw label values to class ids, and brings channels about zero.
 */
import { DataError } from '../base/errors.ts';
import { requireMeasured, shownChannels } from './channels/format.ts';
import { normaliseSamples, showSamples } from './channels/normalise.ts';
import { loadChannels } from './channels/read.ts';
import { loadImageFile, NAME_CHANNELS } from './images/image.ts';
import { type LabelFormat, readLabelIds } from './images/labelIds.ts';
import { type LabelledSource, loadStoredLabels } from './outlines/labels.ts';
import { paintScene } from './scenes/scenes.ts';
import {
  IGNORE,
  type ImageSet,
  type LabelledImage,
  ownChannels,
  type PreparedImage,
  type Raster,
  type Sample,
} from './types.ts';

/** What reading images takes of their data set. */
export type ImageFormat = LabelFormat & Pick<ImageSet, 'channels'>;

/**
 * Loads one sample of a data set, its image as it is stored or as 8-bit RGB. Without a label file every label is `IGNORE`, or `blank` where the source says so.
 * Labels of the size of the stored image are turned upright with it.
 * Throws a `DataError` that names the file: unreadable, of other channels, sizes that differ, labels outside the classes.
 */
export async function loadSample(dataset: ImageFormat, sample: Sample): Promise<LabelledImage> {
  const { source } = sample;
  if (source.kind === 'scene') return paintScene(source.seed, source.width, source.height);
  if (source.kind !== 'files') throw new DataError(`${sample.id}: expected an image, got a volume`);
  const picture = await loadStoredImage(dataset, source.image);
  const { width, height } = picture;
  if (source.label === undefined) {
    return { width, height, image: picture.data, label: new Uint8Array(width * height).fill(source.blank ?? IGNORE) };
  }
  const { labels } = await loadStoredLabels(source as LabelledSource, picture);
  requireSameSize(labels, source.label, picture);
  return { width, height, image: picture.data, label: readLabelIds(labels, dataset, source.label).ids };
}

/** The image of a file with the channels of its data set, and what the file says beside the samples. @throws DataError */
export async function loadStoredImage(dataset: Pick<ImageSet, 'channels'>, file: string) {
  const channels = ownChannels(dataset);
  if (channels !== undefined) return loadChannels(file, channels);
  const image = await loadImageFile(file);
  if (image.further > 0 && dataset.channels === undefined)
    throw new DataError(
      `${file}: expected grey or RGB as in the first image, got ${image.further} further channel${image.further === 1 ? '' : 's'}`,
      `${NAME_CHANNELS}; \`channels: rgb\` leaves further ones out`,
    );
  return image;
}

/** A loaded image as people are shown it, RGB `[height, width, 3]`. */
export function shownImage(image: LabelledImage['image'], dataset: Pick<ImageSet, 'channels'>): Uint8Array {
  const channels = ownChannels(dataset);
  if (channels === undefined) return image as Uint8Array;
  return showSamples(image, channels.names.length, shownChannels(channels.names));
}

/** As {@link loadSample}, as networks read it. */
export async function loadPrepared(dataset: ImageFormat, sample: Sample): Promise<PreparedImage> {
  const { image, ...rest } = await loadSample(dataset, sample);
  const channels = ownChannels(dataset);
  // Scenes and RGB are bytes.
  if (channels === undefined) return { ...rest, image: image as Uint8Array };
  return { ...rest, image: normaliseSamples(image, requireMeasured(channels).normalisation) };
}

/** An image and its labels have one size. @throws DataError */
export function requireSameSize(labels: Raster, file: string, image: { width: number; height: number }): void {
  if (labels.width === image.width && labels.height === image.height) return;
  throw new DataError(
    `${file}: is ${labels.width}x${labels.height}, its image ${image.width}x${image.height}`,
    'an image and its labels have one size: scale labels with the nearest neighbour only',
  );
}
