/**
 * @file The settings of `espalier evaluate`.
 */
import { z } from 'zod';
import { checkpoint, inference } from './common.ts';
import { postprocess, tunedCrf } from './crf.ts';
import { notNegative, optionalText, setting, text } from './fields.ts';

/** Settings of `espalier evaluate`. */
export const evaluateSchema = z.strictObject({
  run: text('run to evaluate; several between commas: the mean of their probabilities'),
  data: optionalText('folder or YAML file of the data set; the one of the run by default'),
  split: setting(z.string().min(1).default('val'), 'a string', 'part of the data set'),
  name: optionalText('name of the evaluation, a folder below evaluations/ of the run; data and split by default'),
  checkpoint,
  ...inference,
  postprocess,
  crf: tunedCrf,
  toleranceMm: notNegative(1, 'of volumes: distance within which surfaces count as equal'),
});

/** Trusted settings, defaults filled in. */
export type EvaluateConfig = z.output<typeof evaluateSchema>;
