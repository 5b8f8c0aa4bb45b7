/**
 * @file Run folders of earlier versions stay readable. `fbeecb3/` holds a search and a training that were stopped in their second epoch at commit fbeecb3;
 * the numbers below are what that commit found when it resumed them, on the CPU.
 */
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evaluateJob } from '../../src/jobs/evaluateJob.ts';
import { search, train } from '../../src/jobs/library.ts';
import { parseConfig } from '../../src/run/config/config.ts';
import { settings } from '../../src/run/config/presets.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';

const name = 'fbeecb3';

/** The last row of a run's results.csv by column. */
function lastRow(run: string): Record<string, string> {
  const [header, ...rows] = readFileSync(join(run, 'results.csv'), 'utf8').trimEnd().split('\n');
  expect(rows.map((row) => row.split(',')[0])).toEqual(['0', '1']);
  const values = rows[1].split(',');
  return Object.fromEntries(header.split(',').map((column, i) => [column, values[i]]));
}

describe('a run folder written at fbeecb3', () => {
  const runs = sharedFolder();
  cpSync(join(import.meta.dirname, name), runs, { recursive: true });

  it('resumes its search, to what it found there', { timeout: 120_000 }, async () => {
    const { run, genotype } = await search({ name, runs }, { resume: true });
    expect(genotype).toMatchObject({ method: 'auto-deeplab', path: [0, 0] });
    const { weightLoss, architectureLoss, operatorEntropy } = lastRow(run);
    expect(Number(weightLoss)).toBeCloseTo(1.37254, 3);
    expect(Number(architectureLoss)).toBeCloseTo(1.41576, 3);
    expect(Number(operatorEntropy)).toBeCloseTo(2.05126, 4);
  });

  it('resumes its training, and is scored as it was there', { timeout: 120_000 }, async () => {
    const { run, epochs, scores } = await train({ name, runs }, { resume: true });
    expect(epochs).toBe(2);
    expect(Number(lastRow(run).loss)).toBeCloseTo(1.6414, 3);
    // The weights are the same; at fbeecb3, where norm statistics were averaged along with them, they scored 0.12696.
    expect(scores.miou).toBeCloseTo(0.1353, 3);
    const again = await evaluateJob(parseConfig(settings.evaluate, [{ run }]));
    expect(again.scores.pixelAccuracy).toBeCloseTo(0.39614, 3);
    expect(again.scores.confusion).toEqual(scores.confusion);
  });
});
