/** @file DiNTS through the whole loop on small scenes: search, what it leaves, decoding it again, training what it found. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.ts';
import { decodeArchitecture, parseArchitectureParameters } from '../../src/decode/parameters.ts';
import { search, train } from '../../src/jobs/library.ts';
import { readArchitecture } from '../../src/jobs/readArchitecture.ts';
import { readEvents } from '../../src/run/eventLog.ts';
import { readResults } from '../../src/run/results.ts';
import { writeSceneFolder } from '../helpers/scenes.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';

const runs = sharedFolder();
writeSceneFolder(join(runs, 'own'));

const tiny = { data: join(runs, 'own'), runs, threads: 1, workers: 0, batch: 2, seed: 3 };
const space = { method: 'dints', layers: 2, levels: 2, width: 0.0625, crop: 32, evaluateSamples: 2 } as const;

it('finds a feasible architecture, logs it, and trains it', async () => {
  const found = await search({ ...tiny, ...space, name: 's', epochs: 2, warmupEpochs: 1, budget: { memory: 0.4 } });
  expect(found.genotype).toMatchObject({ method: 'dints', rank: 2, layers: 2, levels: 2, filters: 4 });
  expect(readArchitecture(found.run)).toEqual(found.genotype);

  const file = join(found.run, 'architecture.json');
  const parameters = parseArchitectureParameters(JSON.parse(readFileSync(file, 'utf8')), file);
  expect(decodeArchitecture(parameters, { filters: 4, atrous: 'dense', rank: 2 })).toEqual(found.genotype);

  const rows = readResults(join(found.run, 'results.csv'));
  expect(rows).toHaveLength(2);
  for (const name of [
    'operatorEntropy',
    'patternEntropy',
    'topologyLoss',
    'memoryLoss',
    'expectedMemory',
    'brokenBoundaries',
  ])
    expect(Number.isFinite(Number(rows[1][name])), name).toBe(true);
  expect([rows[0].discretisationGap, Number.isFinite(Number(rows[1].discretisationGap))]).toEqual(['', true]);
  const state = readEvents(join(found.run, 'events.jsonl')).findLast((event) => event.type === 'architecture');
  expect(Object.keys(state?.entropies ?? {})).toEqual(['operators', 'patterns']);
  expect(readFileSync(join(found.run, 'report.html'), 'utf8').includes('pattern entropy')).toBe(true);

  const trained = await train({ ...tiny, arch: found.run, name: 't', crop: 32, steps: 2 });
  expect(trained.steps).toBe(2);
  expect(trained.scores.miou).toBeGreaterThanOrEqual(0);
});

it('names the next valid side of a crop', async () => {
  await expect(search({ ...tiny, ...space, crop: 48, levels: 4 })).rejects.toThrow(
    /crop: method=dints needs sides that are multiples of 32, got 48; the next valid one is 64/,
  );
  await expect(search({ ...tiny, crop: 64 })).rejects.toThrow(
    /crop: method=auto-deeplab needs sides of the form 32m \+ 1, got 64; the next valid one is 65/,
  );
  await expect(search({ ...tiny, ...space, crop: [32, 32, 32] })).rejects.toThrow(ConfigError);
});
