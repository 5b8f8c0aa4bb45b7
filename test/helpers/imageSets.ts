/** @file Small data sets of images on disk, as tests of layouts and checks write them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { encodePng } from '../../src/data/images/png.ts';

/** An image of 2 x 1 pixels. */
export const IMAGE = encodePng({ width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) });

/** A mask of a pixel a value. */
export const mask = (...values: number[]): Uint8Array =>
  encodePng({ width: values.length, height: 1, channels: 1, data: Uint8Array.from(values) });

/** Writes files below a folder, by their paths. */
export function writeFiles(root: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}
