/**
 * @file The settings of `espalier predict`.
 */
import { z } from 'zod';
import { checkpoint, inference } from './common.ts';
import { crfKeys, postprocess } from './crf.ts';
import { choice, group, optionalText, share, switched, text } from './fields.ts';

/** Settings of `espalier predict`; the images are positional arguments. */
export const predictSchema = z.strictObject({
  run: text('run to predict with; several between commas: the mean of their probabilities'),
  checkpoint,
  output: optionalText(
    'folder for the predictions; by default predictions/ in the run, beside the model, or here for a network of the package',
  ),
  ...inference,
  postprocess,
  crf: group(crfKeys),
  overlay: share(0.5, 'opacity of the classes over the image'),
  write: choice(
    ['classes', 'probabilities'],
    'classes',
    'probabilities: also those of all classes, of an image as a 16-bit PNG a class (65535 is 1), of a volume as one float32 NIfTI with the classes along its fourth axis',
  ),
  submission: switched(false, 'write the ids that the benchmark of the data set expects, instead of class indices'),
});

/** Trusted settings, defaults filled in. */
export type PredictConfig = z.output<typeof predictSchema>;
