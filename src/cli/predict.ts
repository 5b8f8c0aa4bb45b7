/**
 * @file `espalier predict`: class maps of new images, as ids, as colours and over the image; of new volumes, as NIfTI on their grid and as
 * slices.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { encodeNifti, labelHeader } from '../data/nifti/encode.ts';
import { planesPicture } from '../data/planes.ts';
import { segment, segmentVolume } from '../infer/segment.ts';
import { type OpenNetwork, openNetwork } from '../jobs/library.ts';
import { fileName } from '../jobs/records/artifacts.ts';
import { inferenceOptions } from '../jobs/settings.ts';
import { settings } from '../run/config/presets.ts';
import type { PredictConfig } from '../run/config/schemas.ts';
import { writeAtomically } from '../run/files.ts';
import { type Command, readSettings } from './command.ts';
import { findPictures, findVolumes, type VolumeInput } from './inputs.ts';
import { nothingToPredict, predictPictures, tellPredictions, withProgress } from './predictions.ts';
import { namesModel, predictWithModel } from './predictModel.ts';

export const predictCommand: Command = {
  name: 'predict',
  summary: 'segment new images or volumes with the network of a run, or images with an exported model',
  usage:
    'predict run=<run>|<model.onnx> <file|folder|glob ...> [output=<folder>] [overlay=0.5] [tta.flip=true] [window=<sides>] [submission=true] [--json]',
  settings: settings.predict,
  needsEngine: (words) => !namesModel(words),
  async run(words) {
    if (namesModel(words)) return predictWithModel(words);
    const { config, flags, positionals } = readSettings(settings.predict, words, ['json']);
    if (positionals.length === 0) throw nothingToPredict();
    const network = openNetwork(config.run, config);
    const { classes, volumes } = network;
    const output = config.output ?? join(config.run, 'predictions');
    mkdirSync(output, { recursive: true });
    const written = volumes
      ? await predictVolumes(network, await findVolumes(positionals, volumes.modalities.length), output, config)
      : await predictWithRun(network, findPictures(positionals), output, config);
    const what = volumes ? 'volumes' : 'pictures';
    tellPredictions({ source: { run: config.run }, classes, what, written, output, json: flags.json });
  },
};

function predictWithRun(network: OpenNetwork, files: readonly string[], output: string, config: PredictConfig) {
  const { classes, submissionValues } = network;
  if (config.submission && !submissionValues)
    throw new ConfigError(`${config.run} does not know the values of a submission`, 'train it again with this version');
  const inference = inferenceOptions(config, network);
  return predictPictures({
    files,
    classes,
    output,
    overlay: config.overlay,
    stored: (ids) => (config.submission && submissionValues ? ids.map((id) => submissionValues[id]) : ids),
    segment: (file) => segment(network, file, inference),
  });
}

/** <name>.nii.gz with ids and the header of the input, <name>_planes.png. */
function predictVolumes(network: OpenNetwork, volumes: readonly VolumeInput[], output: string, config: PredictConfig) {
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
