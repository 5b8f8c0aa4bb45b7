/**
 * @file `race.json`, what a race was made of before it began, read again when it resumes.
 */
import { z } from 'zod';
import { DataError } from '../../base/errors.ts';
import { parseJson } from '../../base/json.ts';
import { readTextFile } from '../../base/textFile.ts';
import type { HeldOut } from '../../data/heldOut/validation.ts';
import type { Candidate } from '../../ladder/candidate.ts';
import type { Pace, RacePlan } from '../../ladder/rungs.ts';
import { parseArchitecture } from '../../models/architecture.ts';

/** Everything that is decided before the first rung. */
export interface RaceSetUp {
  readonly plan: RacePlan;
  /** Absent where the steps were given and nothing was timed. */
  readonly pace?: Pace;
  readonly candidates: readonly Candidate[];
  readonly heldOut: HeldOut;
  /** Trainings at a time. */
  readonly processes: number;
  /** Of the classes in the loss; null where they weigh alike. */
  readonly weights: readonly number[] | null;
}

/** No race has more of anything. */
const MOST = 10_000;
const count = z.int().min(0).max(1e9);
const amount = z.number().min(0);

const schema = z.looseObject({
  plan: z.looseObject({
    rungs: z
      .array(z.looseObject({ steps: count, candidates: count.max(MOST), children: count.max(MOST) }))
      .min(1)
      .max(100),
    finalists: count.min(1).max(MOST),
    seeds: count.min(1).max(MOST),
    steps: count.min(1),
  }),
  pace: z.looseObject({ step: amount, start: amount, finish: amount }).optional(),
  candidates: z
    .array(
      z.looseObject({
        // It names files.
        id: z.string().regex(/^[\w-]{1,64}$/),
        name: z.string().max(1000),
        origin: z.enum(['hand-made', 'random', 'searched', 'child']),
        architecture: z.unknown(),
        cost: z.looseObject({ multiplyAdds: amount, parameters: amount, trainingMemory: amount }),
        macro: z.looseObject({ finestStride: z.number(), meanLevel: z.number(), depth: z.number() }),
        auxiliary: z.boolean(),
      }),
    )
    .min(1)
    .max(MOST),
  heldOut: z.looseObject({
    validation: z.record(z.string(), z.string()),
    leftOut: z.array(z.string()),
    how: z.string(),
  }),
  processes: count.min(1).max(1024),
  weights: z.array(z.number()).max(65536).nullable(),
});

/** @throws DataError naming the file and the field that is not as a race writes it. */
export function readSetUp(file: string): RaceSetUp {
  const advice = 'remove it: the race is set up anew, and its trainings are read again';
  let value: unknown;
  try {
    value = parseJson(readTextFile(file));
  } catch (error) {
    throw new DataError(`${file}: cannot be read (${(error as Error).message})`, advice);
  }
  const result = schema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new DataError(`${file}: ${issue.path.join('.') || 'the file'}: ${issue.message}`, advice);
  }
  for (const { architecture } of result.data.candidates) parseArchitecture(architecture as object, file);
  return result.data as unknown as RaceSetUp;
}
