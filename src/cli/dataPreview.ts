/**
 * @file `espalier data preview`: a sheet of samples with their labels in colour, to look at before training.
 */
import { spread } from '../data/check/parts.ts';
import { exampleOf } from '../data/preview/example.ts';
import { drawSheet, LONGEST_SIDE } from '../data/preview/sheet.ts';
import { filesOfDataSet } from '../data/splits.ts';
import type { DataSet } from '../data/types.ts';
import { writeAtomically } from '../run/files.ts';
import { requireFreeOutputs } from '../run/outputs.ts';
import { createProgress } from './progress.ts';

/** So many samples are shown when nothing says how many. */
const SHOWN = 12;

/** A quarter of the samples is of val. */
const VAL_SHARE = 0.25;

/** Writes the sheet of a data set that was opened from `path`. */
export async function previewDataSet(dataset: DataSet, path: string, to: string, limit = SHOWN): Promise<void> {
  requireFreeOutputs({ outputs: [to], inputs: filesOfDataSet(dataset, path) });
  const { train, val } = dataset.splits;
  const ofVal = Math.min(val.length, Math.floor(limit * VAL_SHARE));
  const chosen = [
    ...spread(train, limit - ofVal).map((sample) => ({ sample, split: 'train' })),
    ...(ofVal > 0 ? spread(val, ofVal) : []).map((sample) => ({ sample, split: 'val' })),
  ];
  const bar = createProgress({ label: 'preview', total: chosen.length });
  const examples = [];
  for (const { sample, split } of chosen) {
    examples.push({ ...(await exampleOf(dataset, sample, LONGEST_SIDE)), split });
    bar.update(examples.length);
  }
  writeAtomically(to, await drawSheet(dataset, examples));
  bar.finish();
  process.stdout.write(`${examples.length} samples -> ${to}\n`);
}
