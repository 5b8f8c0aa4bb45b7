/**
 * @file A data set of images as files of the simplest layout: images as they are, a grey PNG of class ids for each, and a `data.yaml`. Yields the files
 * one by one; writing them is the caller's.
 */
import { extname } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { readLabelIds } from '../images/labelIds.ts';
import { turnUpright } from '../images/orientation.ts';
import { encodePng } from '../images/png.ts';
import { loadStoredLabels } from '../outlines/labels.ts';
import { namedRegions } from '../regions/named.ts';
import { loadSample, loadStoredImage, requireSameSize, shownImage } from '../sample.ts';
import type { ImageSet, Raster, Sample } from '../types.ts';

/** A file to write, below the new folder: its content, or the file that it is a copy of. */
export type ConvertedFile = { path: string } & ({ bytes: Uint8Array | string } | { copyOf: string });

/** How many samples are converted. */
export const countConverted = (dataset: ImageSet): number =>
  partsOf(dataset).reduce((sum, { samples }) => sum + samples.length, 0);

/**
 * The files of the data set as masks, `data.yaml` last. A split by hash stays one: ids are the same, and so are their sides. `onSample` is called after
 * each sample.
 * @throws DataError that names the file of a sample that cannot be read.
 */
export async function* convertToMasks(
  dataset: ImageSet,
  onSample: (done: number) => void = () => {},
): AsyncGenerator<ConvertedFile> {
  let done = 0;
  for (const { folder, prefix, samples } of partsOf(dataset)) {
    for (const sample of samples) {
      const name = sample.id.startsWith(prefix) ? sample.id.slice(prefix.length) : sample.id;
      if (name.split('/').includes('..'))
        throw new DataError(`${sample.id}: lies outside the folder of the data set`, 'name files inside it');
      yield* convertSample(dataset, sample, folder, name);
      onSample(++done);
    }
  }
  if (dataset.groups !== undefined) yield { path: 'groups.csv', bytes: groupTable(dataset.groups) };
  yield { path: 'data.yaml', bytes: describe(dataset) };
}

/** The parts of the new folder: without a split of their own all samples are one. */
function partsOf({ splits, splitRule, extra }: ImageSet): { folder: string; prefix: string; samples: Sample[] }[] {
  const test = extra?.test ?? [];
  if (splitRule !== undefined && test.length === 0)
    return [{ folder: '', prefix: '', samples: [...splits.train, ...splits.val] }];
  return Object.entries({ ...splits, ...(test.length > 0 ? { test } : {}) }).map(([name, samples]) => ({
    folder: `${name}/`,
    prefix: `${name}/`,
    samples,
  }));
}

async function* convertSample(
  dataset: ImageSet,
  sample: Sample,
  folder: string,
  name: string,
): AsyncGenerator<ConvertedFile> {
  const { source } = sample;
  const maskPath = `masks/${folder}${name}.png`;
  if (source.kind === 'files' && source.label !== undefined) {
    const image = await loadStoredImage(dataset, source.image);
    const { label } = source;
    const { labels } = await loadStoredLabels({ ...source, label }, image);
    requireSameSize(labels, label, image);
    const { ids } = readLabelIds(labels, dataset, label);
    yield { path: `images/${folder}${name}${extname(source.image)}`, copyOf: source.image };
    yield { path: maskPath, bytes: encodeMask({ ...labels, channels: 1, bitDepth: 8, data: ids }, image.orientation) };
    return;
  }
  const { width, height, image, label } = await loadSample(dataset, sample);
  yield {
    path: `images/${folder}${name}.png`,
    bytes: encodePng({ width, height, channels: 3, data: shownImage(image, dataset) }),
  };
  yield { path: maskPath, bytes: encodePng({ width, height, channels: 1, data: label }) };
}

/** As a PNG, turned to the stored pixels of an image that its EXIF orientation turns upright: masks are read as drawn on those. */
function encodeMask(upright: Raster, orientation: number): Uint8Array {
  // Quarter turns undo each other; all other orientations undo themselves.
  const back = orientation === 6 ? 8 : orientation === 8 ? 6 : orientation;
  const { width, height, data } = turnUpright(upright, back);
  return encodePng({ width, height, channels: 1, data: data as Uint8Array });
}

function describe(dataset: ImageSet): string {
  const { name, layout, classes, ignore, channels } = dataset;
  const regions = namedRegions(dataset);
  const names = typeof channels === 'object' ? channels.names : channels;
  // JSON is YAML, and quotes every name.
  return [
    `# Written by "espalier data convert" from ${JSON.stringify(name)}, layout ${layout}: the value of a pixel in masks/ is the place of its class.`,
    `classes: ${JSON.stringify(classes.map((entry) => entry.name))}`,
    `ignore: ${ignore}`,
    ...(names === undefined ? [] : [`channels: ${JSON.stringify(names)}`]),
    `colours: ${JSON.stringify(classes.map(({ colour }) => colour))}`,
    ...(regions
      ? [
          `regions: ${JSON.stringify(Object.fromEntries(regions.map((region) => [region.name, region.classes])))}`,
          `regions_class_order: ${JSON.stringify(regions.map(({ written }) => written))}`,
        ]
      : []),
    '',
  ].join('\n');
}

/** Groups by file, as folders of images have them. */
const groupTable = (groups: Readonly<Record<string, string>>): string =>
  [
    'file,group',
    ...Object.entries(groups).map(([id, group]) => [id.slice(id.lastIndexOf('/') + 1), group].map(cell).join(',')),
    '',
  ].join('\n');

const cell = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
