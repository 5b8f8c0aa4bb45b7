/**
 * @file What `espalier predict` does with a network, wherever it runs: finds the pictures, and writes ids, colours and overlay of each.
 */
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { ConfigError, DataError } from '../base/errors.ts';
import { encodePng } from '../data/png.ts';
import type { SegmentationClass } from '../data/types.ts';
import { overlayLabels, paletteOf } from '../data/visual.ts';
import { writeAtomically } from '../run/files.ts';
import { fileName } from '../train/artifacts.ts';
import type { Segmentation } from '../train/library.ts';
import { printJson } from './command.ts';
import { createProgress } from './progress.ts';

/** Segments every picture. */
export async function writePredictions(job: {
  files: readonly string[];
  /** What segments them, for programs that read the result. */
  source: { run: string } | { model: string };
  classes: readonly SegmentationClass[];
  /** Folder for the pictures. */
  output: string;
  /** Opacity of the classes over the picture. */
  overlay: number;
  json: boolean;
  segment: (file: string) => Promise<Segmentation>;
}): Promise<void> {
  const { files, source, classes, output, overlay, json, segment } = job;
  mkdirSync(output, { recursive: true });
  const bar = createProgress({ label: 'predict', total: files.length });
  const written: { picture: string; ids: string; colour: string; overlay: string }[] = [];
  for (const [i, file] of files.entries()) {
    const { width, height, image, ids } = await segment(file);
    const stem = join(output, fileName(basename(file, extname(file))));
    const paths = { picture: file, ids: `${stem}.png`, colour: `${stem}_colour.png`, overlay: `${stem}_overlay.png` };
    writeAtomically(paths.ids, encodePng({ width, height, channels: 1, data: ids }));
    writeAtomically(paths.colour, encodePng({ width, height, channels: 1, data: ids }, paletteOf(classes)));
    writeAtomically(
      paths.overlay,
      encodePng({ width, height, channels: 3, data: overlayLabels(image, ids, classes, overlay) }),
    );
    written.push(paths);
    bar.update(i + 1);
  }
  bar.finish();
  if (json) printJson({ ...source, classes: classes.map(({ name }) => name), pictures: written });
  else process.stdout.write(`${written.length} pictures in ${output}\n`);
}

/** The pictures that words name. @throws ConfigError when there are none. */
export function picturesNamed(words: readonly string[]): string[] {
  const files = words.flatMap(expand);
  if (files.length === 0)
    throw new ConfigError(
      'no picture to predict',
      'name files, folders or globs: espalier predict run=<run> pictures/*.jpg',
    );
  return files;
}

const PICTURES = new Set(['.png', '.jpg', '.jpeg']);

/** The pictures that a word names: a file, all in a folder, or those that match `*` in the last part of a path. */
function expand(word: string): string[] {
  if (existsSync(word)) {
    if (!statSync(word).isDirectory()) return [word];
    return picturesOf(word, () => true);
  }
  const folder = word.includes('/') ? word.slice(0, word.lastIndexOf('/')) : '.';
  const pattern = basename(word);
  if (!pattern.includes('*') || !existsSync(folder)) throw new DataError(`${word}: no such file or folder`);
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const matcher = new RegExp(`^${parts.join('.*')}$`);
  const found = picturesOf(folder, (name) => matcher.test(name));
  if (found.length === 0) throw new DataError(`${word}: matches no picture (png, jpg, jpeg)`);
  return found;
}

function picturesOf(folder: string, wanted: (name: string) => boolean): string[] {
  return readdirSync(folder)
    .filter((name) => PICTURES.has(extname(name).toLowerCase()) && wanted(name))
    .sort()
    .map((name) => join(folder, name));
}
