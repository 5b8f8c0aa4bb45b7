/**
 * @file The settings of `espalier auto`, which is `espalier search method=ladder`.
 */
import { z } from 'zod';
import { machine, networkBudget, run } from './common.ts';
import { positive, setting, text, whole } from './fields.ts';

/** Settings of `espalier search method=ladder` and `espalier auto`. */
export const ladderSchema = z.strictObject({
  data: text('folder or YAML file of the data set'),
  method: setting(z.literal('ladder').default('ladder'), 'ladder', 'search method'),
  ...run,
  seed: machine.seed,
  device: machine.device,
  threads: whole(1, 1, 'threads of a training'),
  processes: whole(0, 0, 'trainings at a time, each a process; 0 takes one for each core that is free'),
  minutes: positive(60, 'time for everything: the race, the trainings of the finalists, their scores'),
  ...networkBudget,
  candidates: setting(
    z.int().min(3).max(243).optional(),
    'a whole number from 3 to 243',
    'networks in the first rung; by default as many as the time allows, 6 to 27',
  ),
  steps: setting(
    z.int().min(2).optional(),
    'a whole number from 2',
    'steps of the first rung; the others follow from it. By default what the time allows; with it `minutes` limits nothing',
  ),
  from: setting(
    z
      .union([
        z
          .string()
          .min(1)
          .transform((names) => names.split(',').map((name) => name.trim())),
        z.array(z.string().min(1)),
      ])
      .default([]),
    'runs of search or architecture files, separated by commas',
    'architectures that take part beside the hand-made and the random ones',
  ),
  training: setting(
    z.record(z.string(), z.unknown()).default({}),
    'settings of train',
    'recipe of every training; what is not given here is derived from the data',
  ),
});

/** Trusted settings, defaults filled in. */
export type LadderConfig = z.output<typeof ladderSchema>;
