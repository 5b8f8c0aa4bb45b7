/**
 * @file What `espalier predict` writes of an image, wherever its network runs: ids, colours and overlay, behind a progress bar.
 */
import { basename, extname, join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { encodePng } from '../data/images/png.ts';
import { overlayLabels, paletteOf } from '../data/images/visual.ts';
import type { SegmentationClass } from '../data/types.ts';
import type { Segmentation } from '../infer/segment.ts';
import { fileName } from '../jobs/records/artifacts.ts';
import { writeAtomically } from '../run/files.ts';
import { printJson } from './command.ts';
import { createProgress } from './progress.ts';

/** Segments every image: <name>.png with ids, <name>_colour.png, <name>_overlay.png. Returns the paths. */
export function predictPictures(job: {
  files: readonly string[];
  classes: readonly SegmentationClass[];
  /** Folder for the predictions. */
  output: string;
  /** Opacity of the classes over the image. */
  overlay: number;
  /** What is stored for class ids; by default themselves. */
  stored?: (ids: Uint8Array) => Uint8Array;
  segment: (file: string) => Promise<Segmentation>;
}) {
  const { files, classes, output, overlay, stored = (ids) => ids, segment } = job;
  return withProgress(files, async (file) => {
    const { width, height, image, ids } = await segment(file);
    const stem = join(output, fileName(basename(file, extname(file))));
    const paths = { picture: file, ids: `${stem}.png`, colour: `${stem}_colour.png`, overlay: `${stem}_overlay.png` };
    writeAtomically(paths.ids, encodePng({ width, height, channels: 1, data: stored(ids) }));
    writeAtomically(paths.colour, encodePng({ width, height, channels: 1, data: ids }, paletteOf(classes)));
    writeAtomically(
      paths.overlay,
      encodePng({ width, height, channels: 3, data: overlayLabels(image, ids, classes, overlay) }),
    );
    return paths;
  });
}

/**
 * Works on one item after the other behind a bar.
 * @throws ConfigError when there is none.
 */
export async function withProgress<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  if (items.length === 0) throw nothingToPredict();
  const bar = createProgress({ label: 'predict', total: items.length });
  const results: Result[] = [];
  for (const item of items) {
    results.push(await work(item));
    bar.update(results.length);
  }
  bar.finish();
  return results;
}

export const nothingToPredict = (): ConfigError =>
  new ConfigError('nothing to predict', 'name files, folders or globs: espalier predict run=<run> new/*');

/** Says what was written, in words or for programs. */
export function tellPredictions(job: {
  source: { run: string } | { model: string };
  classes: readonly SegmentationClass[];
  what: 'pictures' | 'volumes';
  written: readonly object[];
  output: string;
  json: boolean;
}): void {
  const { source, classes, what, written, output, json } = job;
  if (json) printJson({ ...source, classes: classes.map(({ name }) => name), [what]: written });
  else process.stdout.write(`${written.length} ${what} in ${output}\n`);
}
