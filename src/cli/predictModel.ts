/**
 * @file `espalier predict <model.onnx> <images>`: an exported model instead of a run, or a network of the package by its name. Needs onnxruntime-node, not
 * libtorch.
 */
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../base/errors.ts';
import { loadInput } from '../data/channels/read.ts';
import { openModel } from '../portable/node.ts';
import { describeShipped, isShipped, type ShippedNetwork, shippedFile } from '../portable/shipped.ts';
import { predictSchema } from '../run/config/schemas/predict.ts';
import { refuseUnused, unusedInCrf } from '../run/config/unused.ts';
import { requireFreeOutputs, withFolders } from '../run/outputs.ts';
import { readSettings } from './command.ts';
import { findImages } from './inputs.ts';
import { outputsOf, planImages, predictImages, reportPredictions } from './predictions.ts';

const { output, overlay, threads, write, postprocess, crf } = predictSchema.shape;
const modelSettings = { schema: z.strictObject({ output, overlay, threads, write, postprocess, crf }) };

/** Whether the words name a model that was exported, or first a network of the package. A run that is given comes first: a folder may have that name. */
export const namesModel = (words: readonly string[]): boolean =>
  words.some(isFile) || (!words.some((word) => /^(--run$|(--)?run=)/.test(word)) && isShipped(firstPositional(words)));

const isFile = (word: string): boolean => /^[^=]*\.onnx$/i.test(word);

const firstPositional = (words: readonly string[]): string => words.find((word) => !/^--|=/.test(word)) ?? '';

/** The model among the positional words, and the others: the files of models, or else the first word, which is a network of the package. */
function splitWords(positionals: readonly string[]): { models: string[]; others: string[] } {
  const models = positionals.filter(isFile);
  if (models.length === 0) return { models: positionals.slice(0, 1), others: positionals.slice(1) };
  return { models, others: positionals.filter((word) => !isFile(word)) };
}

/** One line about a network of the package. */
const aboutShipped = ({ name, summary, score, license }: ShippedNetwork): string =>
  `${name}: ${summary}; mIoU ${(100 * score.miou).toFixed(1)} % on ${score.samples} images of ${score.split}; ${license}\n`;

export async function predictWithModel(words: readonly string[]): Promise<void> {
  const { config, flags, positionals, keys, given } = readSettings(modelSettings, words, ['json']);
  const { models, others } = splitWords(positionals);
  const [model, ...more] = models;
  refuseUnused(keys, unusedInCrf(config.postprocess, config.crf));
  if (config.postprocess === 'crf')
    throw new ConfigError(
      `postprocess=crf: the CRF runs in the engine, got the exported model ${model}`,
      'predict with the run it was exported from: espalier predict run=<run> postprocess=crf ...',
    );
  if (more.length > 0) throw new ConfigError(`expected one model, got ${model} and ${more.join(' and ')}`);
  const files = findImages(others);
  const shipped = isShipped(model) ? describeShipped(model) : undefined;
  if (shipped) process.stderr.write(aboutShipped(shipped));
  const output = config.output ?? (shipped ? 'predictions' : join(dirname(model), 'predictions'));
  const { metadata, segment, release } = await openModel(model, config);
  const { classes, regions } = metadata;
  const withProbabilities = config.write === 'probabilities';
  const plans = planImages(files, output, withProbabilities ? (regions ?? classes) : []);
  const read = shipped ? shippedFile(model) : model;
  requireFreeOutputs({ outputs: outputsOf(plans), inputs: [read, ...withFolders(files), ...given] });
  const written = await predictImages({
    plans,
    classes,
    overlay: config.overlay,
    async segment(file) {
      const { shown, ...picture } = await loadInput(file, metadata.channels);
      return { ...(await segment(picture, { withProbabilities })), image: shown };
    },
  });
  reportPredictions({ source: { model }, classes, regions, what: 'images', written, output, json: flags.json });
  await release();
}
