import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { foundNetwork } from '../../src/jobs/prepare/found.ts';
import { searchJob } from '../../src/jobs/searchJob.ts';
import { buildArchitecture } from '../../src/models/architecture.ts';
import { countNetwork } from '../../src/models/graph.ts';
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

const TINY_DINTS = {
  ...{ data: 'scenes:32x32', method: 'dints', preset: 'demo', levels: 2, layers: 2, width: 0.0625, crop: 32 },
  ...{ epochs: 1, warmupEpochs: 0, batch: 8, evaluateSamples: 0, workers: 0, threads: 1 },
};

it.each([
  { method: 'auto-deeplab', given: TINY, limit: 0.98 },
  { method: 'dints', given: TINY_DINTS, limit: 0.6 },
])('$method finds an architecture within its budget, and logs how much of it is used', async ({ given, limit }) => {
  const runs = temporaryFolder();
  const search = async (name: string, budget: object) => {
    const { run, genotype } = await searchJob({ layers: [{ ...given, runs, name, budget }], resume: false });
    const events = readFileSync(join(run, 'events.jsonl'), 'utf8');
    const { options } = foundNetwork(run);
    const parameters = countNetwork(buildArchitecture(genotype, options), [64, 64]).parameters;
    return { events, parameters };
  };
  const free = await search('free', {});
  expect(free.events).not.toContain('budgetUse');
  const parameters = Math.floor(limit * free.parameters);
  const within = await search('within', { parameters });
  expect(within.parameters).toBeLessThanOrEqual(parameters);
  const use = Number(/"budgetUse":([\d.]+)/.exec(within.events)?.[1]);
  expect(use).toBeCloseTo(within.parameters / parameters, 6);
});
