/**
 * @file The test part of a data set: what has labels, where there is any. It is read so that `evaluate split=test` can score it once; nothing is
 * ever trained or chosen on it. A benchmark that keeps its labels to itself has none here.
 */
import type { Sample } from '../types.ts';
import { isFolder } from './layout.ts';
import { listFolder, pairFolders } from './pairing.ts';

/** The field `extra` of a data set with these samples; none where there are none. */
export const testPart = (samples: Sample[]): { extra?: { test: Sample[] } } =>
  samples.length > 0 ? { extra: { test: samples } } : {};

/** The labelled images of two folders, either of which may be missing or empty. */
export async function testImages(images: string, masks: string): Promise<Sample[]> {
  for (const folder of [images, masks])
    if (!(await isFolder(folder)) || (await listFolder(folder)).images.length === 0) return [];
  return (await pairFolders(images, masks, 'test/')).samples;
}
