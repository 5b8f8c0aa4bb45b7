import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { searchJob } from '../../src/jobs/searchJob.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';

const TINY = {
  data: 'scenes:48x33',
  preset: 'demo',
  ...{ epochs: 1, warmupEpochs: 0, batch: 8, crop: 33, layers: 2, filters: 2, blocks: 1 },
  ...{ evaluateSamples: 0, workers: 0, threads: 1 },
};

it.each([
  [3e7, /within the budget: widths times [\d.]+: multiplyAdds 0\.0(29|3)\d*e9/],
  [3e3, /no width of what was found keeps the budget: budget\.multiplyAdds: expected at least/],
])('a search says how wide what it found is within %d multiply-adds', async (multiplyAdds, said) => {
  const runs = temporaryFolder();
  const { run } = await searchJob({ layers: [{ ...TINY, runs, budget: { multiplyAdds } }], resume: false });
  expect(readFileSync(join(run, 'events.jsonl'), 'utf8')).toMatch(said);
});
