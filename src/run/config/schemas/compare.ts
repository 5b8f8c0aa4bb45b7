/**
 * @file The settings of `espalier compare`.
 */
import { z } from 'zod';
import { run } from './common.ts';
import { postprocess, tunedCrf } from './crf.ts';
import { setting, switched, whole } from './fields.ts';

/** Settings of `espalier compare`; all others are those of the trainings. */
export const compareSchema = z.strictObject({
  archs: setting(
    z
      .union([
        z
          .string()
          .min(1)
          .transform((names) => names.split(',').map((name) => name.trim())),
        z.array(z.string()),
      ])
      .pipe(
        z
          .array(z.string().min(1))
          .min(1)
          .refine((names) => new Set(names).size === names.length),
      ),
    'different architectures, separated by commas',
    'what is compared: architecture files, runs, names in the registry',
  ),
  budget: setting(
    z.string().regex(/^\d+(\.\d+)? ?(steps?|min|minutes?)$/),
    'such as 400steps or 15min',
    'what every training may use',
  ),
  seeds: whole(1, 2, 'trainings of each architecture, with seeds from 0'),
  multiplyAdds: setting(
    z.number().positive().optional(),
    'a number above 0',
    'at most so many multiply-adds of one crop: budget.multiplyAdds with the crop as size',
  ),
  measureLatency: switched(
    false,
    'also measures the milliseconds of an inference of one crop with each architecture, by the engine on `threads`',
  ),
  measureMemory: switched(
    false,
    'also measures the memory of a training step of each architecture, in a process of its own',
  ),
  postprocess,
  crf: tunedCrf,
  name: setting(
    z.string().min(1).default('comparison'),
    'a string',
    'name of the comparison; the same name resumes it',
  ),
  runs: run.runs,
});

/** Trusted settings, defaults filled in. */
export type CompareConfig = z.output<typeof compareSchema>;
