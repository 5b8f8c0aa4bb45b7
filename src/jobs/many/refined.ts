/**
 * @file What a CRF brings each training of a comparison: an evaluation of its own in the run, made once for the same settings.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readTextFile } from '../../base/textFile.ts';
import { parseConfig } from '../../run/config/config.ts';
import { settings } from '../../run/config/presets.ts';
import type { CompareConfig } from '../../run/config/schemas/compare.ts';
import type { TrainConfig } from '../../run/config/schemas/train.ts';
import { EVALUATION_RECORD, type EvaluationRecord, parseEvaluation } from '../../run/evaluations.ts';
import { openRunFolder } from '../../run/folder.ts';
import type { ComparedRun } from '../../run/tables/comparison.ts';
import { evaluateJob } from '../evaluateJob.ts';

/** The score with the CRF on the validation split and its milliseconds a sample; nothing where the comparison has none, or the run no score. */
export async function refinedScore(
  run: string,
  score: number | null,
  { postprocess, crf }: Pick<CompareConfig, 'postprocess' | 'crf'>,
  { device, threads, overlap, toleranceMm }: TrainConfig,
  signal?: AbortSignal,
): Promise<Pick<ComparedRun, 'crfScore' | 'crfMs'>> {
  if (postprocess === 'none') return {};
  if (score === null) return { crfScore: null, crfMs: null };
  const name = `crf-${createHash('sha256').update(JSON.stringify(crf)).digest('hex').slice(0, 12)}`;
  const done = join(openRunFolder(run).evaluations, name, EVALUATION_RECORD);
  const config = parseConfig(settings.evaluate, [
    { run, name, postprocess, crf, device, threads, overlap, toleranceMm },
  ]);
  const { scores, crf: found }: Pick<EvaluationRecord, 'scores' | 'crf'> = existsSync(done)
    ? parseEvaluation(readTextFile(done), done)
    : (await evaluateJob(config, undefined, signal)).evaluation;
  return { crfScore: scores.dice ?? scores.miou, crfMs: found?.ms ?? null };
}
