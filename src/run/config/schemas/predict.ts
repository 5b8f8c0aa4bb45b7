/**
 * @file The settings of `espalier predict`.
 */
import { z } from 'zod';
import { checkpoint, inference } from './common.ts';
import { crfKeys, postprocess } from './crf.ts';
import { group, optionalText, share, switched, text } from './fields.ts';

/** Settings of `espalier predict`; the images are positional arguments. */
export const predictSchema = z.strictObject({
  run: text('run to predict with'),
  checkpoint,
  output: optionalText('folder for the predictions; predictions/ in the run, or beside the model, by default'),
  ...inference,
  postprocess,
  crf: group(crfKeys),
  overlay: share(0.5, 'opacity of the classes over the image'),
  submission: switched(false, 'write the ids that the benchmark of the data set expects, instead of class indices'),
});

/** Trusted settings, defaults filled in. */
export type PredictConfig = z.output<typeof predictSchema>;
