/**
 * @file A sample by reference to a sample in memory: reads or paints it, and maps raw label values to class ids.
 */
import { DataError } from '../base/errors.ts';
import { loadLabelMap, loadPicture } from './images/image.ts';
import { paintScene } from './scenes/scenes.ts';
import { type DataSet, IGNORE, type LabelledPicture, NOT_ALLOWED, type Raster, type Sample } from './types.ts';

/**
 * Loads one sample of a data set. Without a label file every label is `IGNORE`.
 * Throws a `DataError` that names the file: unreadable, sizes that differ, label values outside the classes.
 */
export async function loadSample(
  dataset: Pick<DataSet, 'labelMap' | 'classes'>,
  sample: Sample,
): Promise<LabelledPicture> {
  const { source } = sample;
  if (source.kind === 'scene') return paintScene(source.seed, source.width, source.height);
  if (source.kind !== 'files') throw new DataError(`${sample.id}: expected a picture, got a volume`);
  const picture = await loadPicture(source.image);
  const { width, height } = picture;
  if (source.label === undefined) {
    return { width, height, image: picture.data, label: new Uint8Array(width * height).fill(IGNORE) };
  }
  const raster = await loadLabelMap(source.label);
  if (raster.width !== width || raster.height !== height) {
    throw new DataError(
      `${source.label}: labels of ${raster.width}x${raster.height} for a picture of ${width}x${height}`,
      'a picture and its labels have one size',
    );
  }
  return { width, height, image: picture.data, label: mapLabels(raster, dataset, source.label) };
}

/** Raw values to class ids; a value outside the classes is a `DataError` that lists all of them. */
export function mapLabels(raster: Raster, dataset: Pick<DataSet, 'labelMap' | 'classes'>, file: string): Uint8Array {
  const { data } = raster;
  const { labelMap } = dataset;
  const label = new Uint8Array(data.length);
  let wrong = false;
  for (let i = 0; i < data.length; i++) {
    const id = labelMap[data[i]] ?? NOT_ALLOWED;
    if (id === NOT_ALLOWED) wrong = true;
    label[i] = id;
  }
  if (wrong) {
    const values = unknownValues(data, labelMap);
    const shown = values.slice(0, 8).join(', ') + (values.length > 8 ? `, ... (${values.length} values)` : '');
    throw new DataError(
      `${file}: label values ${shown} belong to none of the ${dataset.classes.length} classes`,
      'name them under `classes` or `ignore` in data.yaml',
    );
  }
  return label;
}

/** The values of `data` that `labelMap` does not allow, ascending. */
export function unknownValues(data: Uint8Array | Uint16Array, labelMap: readonly number[]): number[] {
  const found = new Set<number>();
  for (const value of data) if ((labelMap[value] ?? NOT_ALLOWED) === NOT_ALLOWED) found.add(value);
  return [...found].sort((a, b) => a - b);
}
