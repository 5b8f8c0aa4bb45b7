/**
 * @file The files of a sample and their sizes: what shows, without reading them, whether two copies of a data set hold the same.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Sample } from './types.ts';

/** Images and labels of a sample; embedded ones have none. */
export function filesOf({ source }: Sample): string[] {
  if (source.kind === 'scene' || source.kind === 'phantom') return [];
  const images = source.kind === 'files' ? [source.image] : source.images;
  return source.label === undefined ? images : [...images, source.label];
}

/**
 * Bytes of each file of a sample, of all files in a folder of slices; 0 for what is not there. Of shapes their length as JSON: their file may hold those
 * of other images.
 */
export function fileSizes(sample: Sample): number[] {
  const { source } = sample;
  return source.kind === 'files' && source.drawn !== undefined
    ? [
        sizeOf(source.image),
        JSON.stringify(source.drawn).length,
        ...source.drawn.shapes.flatMap((shape) => (shape.kind === 'file' ? [sizeOf(shape.path)] : [])),
      ]
    : filesOf(sample).map(sizeOf);
}

function sizeOf(file: string): number {
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return found?.size ?? 0;
  return readdirSync(file).reduce(
    (sum, name) => sum + (statSync(join(file, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}
