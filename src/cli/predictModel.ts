/**
 * @file `espalier predict <model.onnx> <images>`: an exported model instead of a run. Needs onnxruntime-node, not libtorch.
 */
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../base/errors.ts';
import { loadImage } from '../data/images/image.ts';
import { openModel } from '../portable/node.ts';
import { predictSchema } from '../run/config/schemas/predict.ts';
import { refuseUnused, unusedInCrf } from '../run/config/unused.ts';
import { requireFreeOutputs, withFolders } from '../run/outputs.ts';
import { readSettings } from './command.ts';
import { findImages } from './inputs.ts';
import { outputsOf, planImages, predictImages, reportPredictions } from './predictions.ts';

const { output, overlay, threads, postprocess, crf } = predictSchema.shape;
const modelSettings = { schema: z.strictObject({ output, overlay, threads, postprocess, crf }) };

/** Whether the words name a model that was exported. */
export const namesModel = (words: readonly string[]): boolean => words.some(isModel);

const isModel = (word: string): boolean => /^[^=]*\.onnx$/i.test(word);

export async function predictWithModel(words: readonly string[]): Promise<void> {
  const { config, flags, positionals, keys, given } = readSettings(modelSettings, words, ['json']);
  const [model, ...more] = positionals.filter(isModel);
  refuseUnused(keys, unusedInCrf(config.postprocess, config.crf));
  if (config.postprocess === 'crf')
    throw new ConfigError(
      `postprocess=crf: the CRF runs in the engine, got the exported model ${model}`,
      'predict with the run it was exported from: espalier predict run=<run> postprocess=crf ...',
    );
  if (more.length > 0) throw new ConfigError(`expected one model, got ${model} and ${more.join(' and ')}`);
  const files = findImages(positionals.filter((word) => !isModel(word)));
  const output = config.output ?? join(dirname(model), 'predictions');
  const plans = planImages(files, output);
  requireFreeOutputs({ outputs: outputsOf(plans), inputs: [model, ...withFolders(files), ...given] });
  const { metadata, segment, release } = await openModel(model, config);
  const { classes, regions } = metadata;
  const written = await predictImages({
    plans,
    classes,
    overlay: config.overlay,
    async segment(file) {
      const picture = await loadImage(file);
      return { ...(await segment(picture)), image: picture.data };
    },
  });
  reportPredictions({ source: { model }, classes, regions, what: 'images', written, output, json: flags.json });
  await release();
}
