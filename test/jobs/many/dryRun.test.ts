/** @file Dry runs of many runs: each kind once, multiplied; nothing is written. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dryRunCompare, dryRunTrials } from '../../../src/jobs/many/dryRun.ts';
import { parseConfig } from '../../../src/run/config/config.ts';
import { settings } from '../../../src/run/config/presets.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';
import { TINY_NETWORK } from '../../helpers/tinyRuns.ts';

const DATA = 'scenes:64x48';

describe('dry runs', () => {
  it('of a comparison multiply by architectures and seeds', async () => {
    const runs = temporaryFolder();
    const config = parseConfig(settings.compare, [
      { archs: 'random:1:2x1,random:2:2x1', budget: '7steps', seeds: 3, runs },
    ]);
    const { parts, seconds } = await dryRunCompare(config, [{ data: DATA, threads: 1, ...TINY_NETWORK }]);
    expect(parts.map(({ name, runs: times, each }) => [name, times, each.steps])).toEqual([
      ['random:1:2x1', 3, 7],
      ['random:2:2x1', 3, 7],
    ]);
    expect(seconds).toBeCloseTo(3 * (parts[0].each.seconds + parts[1].each.seconds), 9);
    expect(existsSync(join(runs, 'compare'))).toBe(false);
  }, 60_000);

  it.each([
    ['auto-deeplab', { crop: 33, layers: 2, filters: 2, blocks: 1 }],
    ['dints', { crop: 32, layers: 2, levels: 2, width: 0.0625 }],
  ])(
    'of trials of %s multiply searches and trainings',
    async (method, space) => {
      const runs = temporaryFolder();
      const tiny = { epochs: 2, warmup: 0.5, batch: 2, evaluateSamples: 1, workers: 0, threads: 1 };
      const layer = {
        data: DATA,
        method,
        preset: 'demo',
        trials: 5,
        runs,
        ...tiny,
        ...space,
        selection: { steps: 3, batch: 2 },
      };
      const { parts, seconds } = await dryRunTrials({ layers: [layer] });
      expect(parts.map(({ name, runs: times }) => [name, times])).toEqual([
        ['search', 5],
        ['training', 5],
      ]);
      expect(parts[1].each.steps).toBe(3);
      expect(seconds).toBeCloseTo(5 * (parts[0].each.seconds + parts[1].each.seconds), 9);
      expect(existsSync(join(runs, 'search'))).toBe(false);
    },
    60_000,
  );
});
