/**
 * @file What `espalier evaluate` leaves in a run: `evaluations/<name>/` with tables, samples, a report, and `evaluation.json`, which says what was
 * measured and how. The scores of the run itself are those of its training.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { ConfigError, DataError } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';
import { fileName } from '../base/names.ts';
import { readTextFile } from '../base/textFile.ts';
import { onDisk, writeAtomically } from './files.ts';
import { type RunFolder, requireRunName } from './folder.ts';
import { isInside, requireInside } from './inside.ts';

const share = z.number().min(0).max(1).nullable();
const text = z.string().max(4096);

/** Scores as shares in [0, 1], null where there is nothing to measure; those of volumes are means over cases. */
const scoresSchema = z.object({
  miou: share,
  pixelAccuracy: share,
  meanAccuracy: share,
  dice: share.optional(),
  surfaceDice: share.optional(),
  hausdorff95Mm: z.number().min(0).nullable().optional(),
});

const crfKernel = z.object({ weight: z.number(), position: z.array(z.number()).max(3) });

/** The CRF that refined the predictions. */
const crfSchema = z.object({
  iterations: z.int().min(0),
  /** Deviations of positions in pixels or voxels, one an axis; of intensities in levels of 255, of volumes as they are prepared. */
  appearance: crfKernel.extend({ intensity: z.number() }),
  smoothness: crfKernel,
  exact: z.boolean(),
  /** The split on which the weights were found; null where they were given. */
  tunedOn: text.nullable(),
  /** Milliseconds a sample, the mean. */
  ms: z.number().nullable(),
  /** What the network scores without it. */
  without: scoresSchema,
});

const recordSchema = z.object({
  /** ISO time of its end. */
  time: text,
  /** Path of the data, and the name of the data set. */
  data: text,
  dataset: text,
  split: text,
  samples: z.int().min(0),
  /** Whether the data are those of the training. */
  trainedOn: z.boolean(),
  checkpoint: z.enum(['best', 'last']),
  /** Of the mean of several networks: the folders of their runs, that of this one first. */
  runs: z.array(text).min(2).max(64).optional(),
  scales: z.array(z.number()).max(64),
  /** Axes mirrored along in all combinations. */
  mirror: z.array(text).max(3),
  /** Sides of the sliding window; null where samples are read as a whole. */
  window: z.array(z.number()).max(3).nullable(),
  overlap: z.number().nullable(),
  /** Of volumes: distance within which surfaces count as equal. */
  toleranceMm: z.number().nullable(),
  version: text,
  scores: scoresSchema,
  /** Absent where none refined the predictions. */
  crf: crfSchema.optional(),
});

/** What was measured, how, and the scores. */
export type EvaluationRecord = z.output<typeof recordSchema>;

/** An evaluation of a run by the name of its folder. */
export interface NamedEvaluation extends EvaluationRecord {
  readonly name: string;
}

/** The paths of an evaluation, named as those of a run. */
export interface EvaluationFolder
  extends Pick<
    RunFolder,
    'path' | 'name' | 'perClassCsv' | 'perCaseCsv' | 'confusionCsv' | 'confusionPicture' | 'samples' | 'report'
  > {
  readonly record: string;
}

/** The file of an evaluation that says what was measured and how. */
export const EVALUATION_RECORD = 'evaluation.json';

/**
 * Makes `evaluations/<name>/` in a run; a name that was only proposed gets a counter where it is taken.
 * @throws ConfigError when a wanted name is taken or none of a folder; DataError where the folder leads out of the run or cannot be made.
 */
export function createEvaluationFolder(
  run: RunFolder,
  { wanted, proposed }: { wanted?: string | undefined; proposed: string },
): EvaluationFolder {
  if (wanted !== undefined) requireRunName(wanted);
  requireInside(run.path, run.evaluations);
  const base = wanted ?? fileName(proposed);
  onDisk(run.evaluations, () => mkdirSync(run.evaluations, { recursive: true }));
  for (let counter = 1; ; counter++) {
    const path = join(run.evaluations, counter === 1 ? base : `${base}-${counter}`);
    try {
      onDisk(path, () => mkdirSync(path));
      return describe(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (wanted !== undefined)
        throw new ConfigError(`name: expected a new evaluation, got ${path}, which exists`, 'take another name');
    }
  }
}

function describe(path: string): EvaluationFolder {
  return {
    path,
    name: basename(path),
    record: join(path, EVALUATION_RECORD),
    perClassCsv: join(path, 'per_class.csv'),
    perCaseCsv: join(path, 'per_case.csv'),
    confusionCsv: join(path, 'confusion_matrix.csv'),
    confusionPicture: join(path, 'confusion_matrix.png'),
    samples: join(path, 'samples'),
    report: join(path, 'report.html'),
  };
}

/** evaluation.json, written last: a folder without it holds no whole evaluation. */
export const writeEvaluation = ({ record }: EvaluationFolder, evaluation: EvaluationRecord): void =>
  writeAtomically(record, `${JSON.stringify(evaluation, null, 1)}\n`);

/** @throws DataError naming the file when a text is no record of an evaluation. */
export function parseEvaluation(content: string, file: string): EvaluationRecord {
  let value: unknown;
  try {
    value = parseJson(content);
  } catch {
    throw new DataError(`${file}: is no JSON`, 'evaluate again');
  }
  const result = recordSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new DataError(`${file}: ${issue.path.join('.')}: ${issue.message}`, 'evaluate again');
}

/** The whole evaluations of a run, the oldest first; what is damaged, unfinished or behind a link that leads out of the run is left out. */
export function listEvaluations(run: RunFolder): NamedEvaluation[] {
  if (!existsSync(run.evaluations) || !isInside(run.path, run.evaluations)) return [];
  const found = readdirSync(run.evaluations).flatMap((name): NamedEvaluation[] => {
    const file = join(run.evaluations, name, EVALUATION_RECORD);
    if (name.startsWith('.') || !existsSync(file) || !isInside(run.path, file)) return [];
    try {
      return [{ name, ...parseEvaluation(readTextFile(file), file) }];
    } catch (error) {
      if (error instanceof DataError) return [];
      throw error;
    }
  });
  return found.sort((a, b) => a.time.localeCompare(b.time) || a.name.localeCompare(b.name));
}

/** How it was measured, in words: checkpoint, test-time augmentation, window, CRF. */
export function describeEvaluation(evaluation: EvaluationRecord): string {
  const { checkpoint, runs, scales, mirror, window, overlap, crf } = evaluation;
  return [
    `${checkpoint} weights`,
    ...(runs ? [`mean of ${runs.length} networks`] : []),
    ...(scales.length === 1 && scales[0] === 1 ? [] : [`scales ${scales.join(', ')}`]),
    ...(mirror.length === 0 ? [] : [`mirrored along ${mirror.join(', ')}`]),
    ...(window === null ? ['whole images'] : [`window ${window.join('x')}, overlap ${overlap}`]),
    ...(crf ? [describeCrf(crf)] : []),
  ].join('; ');
}

const describeCrf = ({ iterations, appearance, smoothness, tunedOn }: NonNullable<EvaluationRecord['crf']>): string =>
  `CRF of ${iterations} iterations, weights ${appearance.weight} (appearance) and ${smoothness.weight} (smoothness)${tunedOn === null ? '' : `, found on ${tunedOn}`}`;
