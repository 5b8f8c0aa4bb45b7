/**
 * @file `espalier predict`: class maps of new pictures, as ids, as colours and over the picture.
 */
import { join } from 'node:path';
import { settings } from '../run/presets.ts';
import { openNetwork, segment } from '../train/library.ts';
import { inferenceOptions } from '../train/settings.ts';
import { type Command, readSettings } from './command.ts';
import { picturesNamed, writePredictions } from './predictions.ts';
import { namesModel, predictWithModel } from './predictModel.ts';

export const predictCommand: Command = {
  name: 'predict',
  summary: 'segment new pictures with the network of a run, or with an exported model',
  usage:
    'predict run=<run>|<model.onnx> <file|folder|glob ...> [output=<folder>] [overlay=0.5] [tta.flip=true] [--json]',
  settings: settings.predict,
  async run(words) {
    if (namesModel(words)) return predictWithModel(words);
    const { config, flags, positionals } = readSettings(settings.predict, words, ['json']);
    const files = picturesNamed(positionals);
    const network = openNetwork(config.run, config);
    const inference = inferenceOptions(config, 2);
    await writePredictions({
      files,
      source: { run: config.run },
      classes: network.classes,
      output: config.output ?? join(config.run, 'predictions'),
      overlay: config.overlay,
      json: flags.json,
      segment: (file) => segment(network, file, inference),
    });
  },
};
