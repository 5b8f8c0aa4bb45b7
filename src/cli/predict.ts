/**
 * @file `espalier predict`: class maps of new pictures, as ids, as colours and over the picture; of new volumes, as NIfTI on their grid and as
 * slices.
 */
import { mkdirSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { encodeNifti, labelHeader } from '../data/nifti/encode.ts';
import { overlayLabels } from '../data/overlay.ts';
import { planesPicture } from '../data/planes.ts';
import { encodePng } from '../data/png.ts';
import { paletteOf } from '../data/visual.ts';
import { writeAtomically } from '../run/files.ts';
import { settings } from '../run/presets.ts';
import type { PredictConfig } from '../run/schemas.ts';
import { fileName } from '../train/artifacts.ts';
import { type OpenNetwork, openNetwork, segment, segmentVolume } from '../train/library.ts';
import { inferenceOptions } from '../train/settings.ts';
import { type Command, printJson, readSettings } from './command.ts';
import { findPictures, findVolumes, type VolumeInput } from './inputs.ts';
import { createProgress } from './progress.ts';

export const predictCommand: Command = {
  name: 'predict',
  summary: 'segment new pictures or volumes with the network of a run',
  usage:
    'predict run=<run> <file|folder|glob ...> [output=<folder>] [overlay=0.5] [tta.flip=true] [window=<sides>] [submission=true] [--json]',
  settings: settings.predict,
  async run(words) {
    const { config, flags, positionals } = readSettings(settings.predict, words, ['json']);
    if (positionals.length === 0) throw nothingToPredict();
    const network = openNetwork(config.run, config);
    const { classes, volumes } = network;
    const output = config.output ?? join(config.run, 'predictions');
    mkdirSync(output, { recursive: true });
    const written = volumes
      ? await predictVolumes(network, await findVolumes(positionals, volumes.modalities.length), output, config)
      : await predictPictures(network, findPictures(positionals), output, config);
    const what = volumes ? 'volumes' : 'pictures';
    if (flags.json) printJson({ run: config.run, classes: classes.map(({ name }) => name), [what]: written });
    else process.stdout.write(`${written.length} ${what} in ${output}\n`);
  },
};

/** <name>.png with ids, <name>_colour.png, <name>_overlay.png. */
async function predictPictures(network: OpenNetwork, files: readonly string[], output: string, config: PredictConfig) {
  const { classes, submissionValues } = network;
  if (config.submission && !submissionValues)
    throw new ConfigError(`${config.run} does not know the values of a submission`, 'train it again with this version');
  const stored = (ids: Uint8Array) =>
    config.submission && submissionValues ? ids.map((id) => submissionValues[id]) : ids;
  const inference = inferenceOptions(config, network);
  return withProgress(files, async (file) => {
    const { width, height, image, ids } = await segment(network, file, inference);
    const stem = join(output, fileName(basename(file, extname(file))));
    const paths = { picture: file, ids: `${stem}.png`, colour: `${stem}_colour.png`, overlay: `${stem}_overlay.png` };
    writeAtomically(paths.ids, encodePng({ width, height, channels: 1, data: stored(ids) }));
    writeAtomically(paths.colour, encodePng({ width, height, channels: 1, data: ids }, paletteOf(classes)));
    writeAtomically(
      paths.overlay,
      encodePng({ width, height, channels: 3, data: overlayLabels(image, ids, classes, config.overlay) }),
    );
    return paths;
  });
}

/** <name>.nii.gz with ids and the header of the input, <name>_planes.png. */
async function predictVolumes(
  network: OpenNetwork,
  volumes: readonly VolumeInput[],
  output: string,
  config: PredictConfig,
) {
  const { classes } = network;
  const inference = inferenceOptions(config, network);
  return withProgress(volumes, async ({ id, files }) => {
    const { ids, header, view } = await segmentVolume(network, files, inference);
    const stem = join(output, fileName(id));
    const paths = { volume: files, ids: `${stem}.nii.gz`, planes: `${stem}_planes.png` };
    writeAtomically(paths.ids, encodeNifti(labelHeader(header), ids));
    writeAtomically(paths.planes, planesPicture({ ...view, classes }));
    return paths;
  });
}

const nothingToPredict = () =>
  new ConfigError('nothing to predict', 'name files, folders or globs: espalier predict run=<run> new/*');

/** Works on one after the other behind a bar. */
async function withProgress<Item, Result>(
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
