/** @file Small images, masks as text and shapes, of which the tests of annotations are made. */
import { join } from 'node:path';
import { openDataSet } from '../../../src/data/detect.ts';
import { encodePng } from '../../../src/data/images/png.ts';
import { loadSample } from '../../../src/data/sample.ts';
import type { DataSet, Sample } from '../../../src/data/types.ts';
import { writeFiles } from '../../helpers/imageSets.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';

/** Contents of files by path. */
export type Files = Record<string, string | Uint8Array>;

/** An image of 4 x 4 pixels. */
export const image = (value = 9): Uint8Array =>
  encodePng({ width: 4, height: 4, channels: 3, data: new Uint8Array(48).fill(value) });
export const json = (value: unknown): string => JSON.stringify(value);

export async function open(files: Files, path = ''): Promise<DataSet> {
  const root = temporaryFolder();
  writeFiles(root, files);
  return openDataSet(join(root, path));
}

export const samples = ({ splits }: DataSet): Sample[] =>
  [...splits.train, ...splits.val].sort((a, b) => (a.id < b.id ? -1 : 1));
export const namesOf = ({ classes }: DataSet): string[] => classes.map(({ name }) => name);
/** The labels of a sample, a row a text. */
export async function rows(dataset: DataSet, place = 0): Promise<string[]> {
  if (dataset.rank !== 2) throw new Error('expected images');
  const { width, label } = await loadSample(dataset, samples(dataset)[place]);
  const text = [...label].map((id) => (id === 255 ? '-' : String(id))).join('');
  return text.match(new RegExp(`.{${width}}`, 'g')) as string[];
}

/** A square as polygon. */
export const square = (left: number, top: number, side: number): number[] => {
  const [right, bottom] = [left + side, top + side];
  return [left, top, right, top, right, bottom, left, bottom];
};
export const points = (ring: number[]): number[][] => ring.flatMap((x, i) => (i % 2 === 0 ? [[x, ring[i + 1]]] : []));
