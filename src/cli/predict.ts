/**
 * @file `espalier predict`: class maps of new images, as ids, as colours and over the image; of new volumes, as NIfTI on their grid and as
 * slices.
 */
import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { namesOfFiles } from '../base/names.ts';
import { encodeLabels, encodeProbabilities } from '../data/nifti/encode.ts';
import { planesPicture } from '../data/planes.ts';
import { outputsOf as outputsOfNetwork } from '../data/regions/regions.ts';
import { segment, segmentVolume } from '../infer/segment.ts';
import { runsOf } from '../jobs/ensemble/runs.ts';
import { type OpenNetwork, openNetwork } from '../jobs/library.ts';
import { inferenceOptions } from '../jobs/settings.ts';
import { settings } from '../run/config/presets.ts';
import type { PredictConfig } from '../run/config/schemas/predict.ts';
import { refuseUnused, unusedInInference } from '../run/config/unused.ts';
import { writeAtomically } from '../run/files.ts';
import { openRunFolder } from '../run/folder.ts';
import { recordFiles, requireFreeOutputs, withFolders } from '../run/outputs.ts';
import { type Command, readSettings } from './command.ts';
import { filesRead, findImages, findVolumes, type VolumeInput } from './inputs.ts';
import {
  nothingToPredict,
  outputsOf,
  planImages,
  predictImages,
  reportPredictions,
  withProgress,
} from './predictions.ts';
import { namesModel, predictWithModel } from './predictModel.ts';

export const predictCommand: Command = {
  name: 'predict',
  summary:
    'segment new images or volumes with the network of a run, or images with an exported model or one of the package',
  usage:
    'predict run=<run>|<model.onnx>|nuclei|scenes <file|folder|glob ...> [output=<folder>] [overlay=0.5] [tta.flip=true] [window=<sides>] [write=probabilities] [submission=true] [--json]',
  settings: settings.predict,
  needsEngine: (words) => !namesModel(words),
  async run(words) {
    if (namesModel(words)) return predictWithModel(words);
    const { config, flags, positionals, keys, given } = readSettings(settings.predict, words, ['json']);
    if (positionals.length === 0) throw nothingToPredict();
    const network = openNetwork(config.run, config);
    const folders = runsOf(config.run).map(openRunFolder);
    const [folder] = folders;
    const { classes, regions, volumes } = network;
    refuseUnused(keys, unusedInInference(volumes !== undefined, config));
    const output = config.output ?? join(runsOf(config.run)[0], 'predictions');
    const requireFree = (outputs: readonly string[], files: readonly string[]) =>
      requireFreeOutputs({
        outputs,
        inputs: [...withFolders(files), ...folders.flatMap(recordFiles), ...given],
        inside: config.output === undefined ? folder.path : undefined,
      });
    const written = volumes
      ? await predictVolumes(network, await findVolumes(positionals, volumes.modalities), output, config, requireFree)
      : await predictWithRun(network, findImages(positionals), output, config, requireFree);
    const what = volumes ? 'volumes' : 'images';
    reportPredictions({ source: { run: config.run }, classes, regions, what, written, output, json: flags.json });
  },
};

/** Refuses to write outputs that are among the files that are read. */
type Check = (outputs: readonly string[], files: readonly string[]) => void;

function predictWithRun(
  network: OpenNetwork,
  files: readonly string[],
  output: string,
  config: PredictConfig,
  requireFree: Check,
) {
  const { classes, submissionValues } = network;
  if (config.submission && !submissionValues)
    throw new ConfigError(`${config.run} does not know the values of a submission`, 'train it again with this version');
  const inference = inferenceOptions(config, network);
  const withProbabilities = config.write === 'probabilities';
  const plans = planImages(files, output, withProbabilities ? outputsOfNetwork(network) : []);
  requireFree(outputsOf(plans), files);
  return predictImages({
    plans,
    classes,
    overlay: config.overlay,
    stored: (ids) => (config.submission && submissionValues ? ids.map((id) => submissionValues[id]) : ids),
    segment: (file) => segment(network, file, inference, { withProbabilities }),
  });
}

/** <name>.nii.gz with the values of the label files and the header of the input, <name>_planes.png, and <name>_probabilities.nii.gz where asked for. */
function predictVolumes(
  network: OpenNetwork,
  volumes: readonly VolumeInput[],
  output: string,
  config: PredictConfig,
  requireFree: Check,
) {
  const { classes, submissionValues: values } = network;
  const inference = inferenceOptions(config, network);
  const withProbabilities = config.write === 'probabilities';
  const names = namesOfFiles(
    volumes.map(({ files }) => files[0]),
    volumes.map(({ id }) => id),
    ['.nii.gz', '_planes.png', ...(withProbabilities ? ['_probabilities.nii.gz'] : [])],
  );
  const plans = volumes.map(({ files }, i) => {
    const stem = join(output, names[i]);
    const plan = { volume: files, ids: `${stem}.nii.gz`, planes: `${stem}_planes.png` };
    return withProbabilities ? { ...plan, probabilities: `${stem}_probabilities.nii.gz` } : plan;
  });
  requireFree(
    plans.flatMap(({ volume: _, ...written }) => Object.values(written)),
    filesRead(volumes.flatMap(({ files }) => files)),
  );
  return withProgress(plans, async (paths) => {
    const wanted = { withProbabilities };
    const { ids, probabilities, header, view } = await segmentVolume(network, paths.volume, inference, wanted);
    writeAtomically(paths.ids, encodeLabels(header, ids, values));
    if ('probabilities' in paths && probabilities)
      writeAtomically(paths.probabilities, encodeProbabilities(header, probabilities));
    writeAtomically(paths.planes, planesPicture({ ...view, classes }));
    return paths;
  });
}
