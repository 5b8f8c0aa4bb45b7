/**
 * @file What `espalier predict` writes of an image, wherever its network runs: ids, colours and overlay, behind a progress bar.
 */
import { basename, extname, join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { namesOfFiles } from '../base/names.ts';
import { encodePng } from '../data/images/png.ts';
import { overlayLabels, paletteOf } from '../data/images/visual.ts';
import type { Region, SegmentationClass } from '../data/types.ts';
import type { Segmentation } from '../infer/segment.ts';
import { writeAtomically } from '../run/files.ts';
import { printJson } from './command.ts';
import { encodeProbabilityMaps, probabilityEndings } from './probabilityMaps.ts';
import { createProgress } from './progress.ts';

/** Where the prediction of an image goes: ids, colours, and colours over the image. */
export interface ImagePaths {
  readonly image: string;
  readonly ids: string;
  readonly colour: string;
  readonly overlay: string;
  /** Of each class, where they are written. */
  readonly probabilities?: readonly string[];
}

/**
 * <name>.png, <name>_colour.png and <name>_overlay.png for every image; different images get different names.
 * @param mapsOf the classes of which probability maps are written too
 */
export function planImages(
  files: readonly string[],
  output: string,
  mapsOf: readonly SegmentationClass[] = [],
): ImagePaths[] {
  const stems = files.map((file) => basename(file, extname(file)));
  const maps = probabilityEndings(mapsOf);
  const names = namesOfFiles(files, stems, ['.png', '_colour.png', '_overlay.png', ...maps]);
  return files.map((image, i) => {
    const stem = join(output, names[i]);
    const plan = { image, ids: `${stem}.png`, colour: `${stem}_colour.png`, overlay: `${stem}_overlay.png` };
    return maps.length === 0 ? plan : { ...plan, probabilities: maps.map((ending) => stem + ending) };
  });
}

/** The files that a prediction writes. */
export const outputsOf = (plans: readonly ImagePaths[]): string[] =>
  plans.flatMap(({ ids, colour, overlay, probabilities = [] }) => [ids, colour, overlay, ...probabilities]);

/** Segments every image and writes what is planned for it. Returns the paths. */
export function predictImages(job: {
  plans: readonly ImagePaths[];
  classes: readonly SegmentationClass[];
  /** Opacity of the classes over the image. */
  overlay: number;
  /** What is stored for class ids; by default themselves. */
  stored?: (ids: Uint8Array) => Uint8Array;
  segment: (file: string) => Promise<Segmentation>;
}) {
  const { plans, classes, overlay, stored = (ids) => ids, segment } = job;
  return withProgress(plans, async (paths) => {
    const { width, height, image, ids, probabilities } = await segment(paths.image);
    writeAtomically(paths.ids, encodePng({ width, height, channels: 1, data: stored(ids) }));
    writeAtomically(paths.colour, encodePng({ width, height, channels: 1, data: ids }, paletteOf(classes)));
    writeAtomically(
      paths.overlay,
      encodePng({ width, height, channels: 3, data: overlayLabels(image, ids, classes, overlay) }),
    );
    if (paths.probabilities && probabilities)
      for (const [id, bytes] of encodeProbabilityMaps({ width, height }, probabilities).entries())
        writeAtomically(paths.probabilities[id], bytes);
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
export function reportPredictions(job: {
  source: { run: string } | { model: string };
  classes: readonly SegmentationClass[];
  regions?: readonly Region[] | undefined;
  what: 'images' | 'volumes';
  written: readonly object[];
  output: string;
  json: boolean;
}): void {
  const { source, classes, regions, what, written, output, json } = job;
  const namesOf = (list: readonly SegmentationClass[]) => list.map(({ name }) => name);
  if (json)
    printJson({
      ...source,
      classes: namesOf(classes),
      ...(regions ? { regions: namesOf(regions) } : {}),
      [what]: written,
    });
  else {
    const noun = what === 'images' ? 'image' : 'volume';
    process.stdout.write(`${written.length} ${noun}${written.length === 1 ? '' : 's'} in ${output}\n`);
  }
}
