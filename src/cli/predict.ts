/**
 * @file `espalier predict`: class maps of new pictures, as ids, as colours and over the picture.
 */
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { ConfigError, DataError } from '../base/errors.ts';
import { overlayLabels } from '../data/overlay.ts';
import { encodePng } from '../data/png.ts';
import { paletteOf } from '../data/visual.ts';
import { writeAtomically } from '../run/files.ts';
import { settings } from '../run/presets.ts';
import { fileName } from '../train/artifacts.ts';
import { openNetwork, segment } from '../train/library.ts';
import { inferenceOptions } from '../train/settings.ts';
import { type Command, printJson, readSettings } from './command.ts';
import { createProgress } from './progress.ts';

export const predictCommand: Command = {
  name: 'predict',
  summary: 'segment new pictures with the network of a run',
  usage:
    'predict run=<run> <file|folder|glob ...> [output=<folder>] [overlay=0.5] [tta.flip=true] [submission=true] [--json]',
  settings: settings.predict,
  async run(words) {
    const { config, flags, positionals } = readSettings(settings.predict, words, ['json']);
    const files = positionals.flatMap(expand);
    if (files.length === 0)
      throw new ConfigError(
        'no picture to predict',
        'name files, folders or globs: espalier predict run=<run> pictures/*.jpg',
      );
    const network = openNetwork(config.run, config);
    const { classes, submissionValues: values } = network;
    if (config.submission && !values)
      throw new ConfigError(
        `${config.run} does not know the values of a submission`,
        'train it again with this version',
      );
    const inference = inferenceOptions(config, 2);
    const output = config.output ?? join(config.run, 'predictions');
    mkdirSync(output, { recursive: true });
    const bar = createProgress({ label: 'predict', total: files.length });
    const written: { picture: string; ids: string; colour: string; overlay: string }[] = [];
    for (const [i, file] of files.entries()) {
      const { width, height, image, ids } = await segment(network, file, inference);
      const stem = join(output, fileName(basename(file, extname(file))));
      const paths = { picture: file, ids: `${stem}.png`, colour: `${stem}_colour.png`, overlay: `${stem}_overlay.png` };
      const stored = config.submission && values ? ids.map((id) => values[id]) : ids;
      writeAtomically(paths.ids, encodePng({ width, height, channels: 1, data: stored }));
      writeAtomically(paths.colour, encodePng({ width, height, channels: 1, data: ids }, paletteOf(classes)));
      writeAtomically(
        paths.overlay,
        encodePng({ width, height, channels: 3, data: overlayLabels(image, ids, classes, config.overlay) }),
      );
      written.push(paths);
      bar.update(i + 1);
    }
    bar.finish();
    if (flags.json) printJson({ run: config.run, classes: classes.map(({ name }) => name), pictures: written });
    else process.stdout.write(`${written.length} pictures in ${output}\n`);
  },
};

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
