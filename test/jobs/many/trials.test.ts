import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StoppedError } from '../../../src/base/errors.ts';
import { search } from '../../../src/jobs/library.ts';
import { trialsJob } from '../../../src/jobs/many/trials.ts';
import { parseCsv } from '../../../src/run/csv.ts';
import { drawTrials } from '../../../src/run/tables/drawTrials.ts';
import { bestTrial, formatTrialsCsv, formatTrialsMarkdown, type Trial } from '../../../src/run/tables/trials.ts';
import { parseGenotype } from '../../../src/space/genotype.ts';
import { writeSceneFolder } from '../../helpers/scenes.ts';
import { sharedFolder } from '../../helpers/temporaryFolder.ts';

const TINY = {
  preset: 'demo',
  name: 't',
  epochs: 2,
  warmupEpochs: 1,
  batch: 2,
  crop: 33,
  layers: 2,
  filters: 2,
  blocks: 1,
  evaluateSamples: 1,
  workers: 0,
  threads: 1,
  seed: 3,
  selection: { steps: 1, batch: 2 },
} as const;

describe('trials', () => {
  const root = sharedFolder();

  it('search with every seed, choose by a short training, and go on trial by trial', async () => {
    const data = join(root, 'own');
    writeSceneFolder(data);
    const layers = [{ ...TINY, data, runs: root }];
    const lines: string[] = [];
    const stop = new AbortController();
    const watcher = {
      progress: () => undefined,
      line: (text: string) => {
        lines.push(text);
        // The first trial is whole when the search of the second begins.
        if (text.startsWith('seed 4, search: epoch 1')) stop.abort();
      },
    };
    const interrupted = trialsJob({ layers: [...layers, { trials: 2 }] }, watcher, stop.signal);
    await expect(interrupted).rejects.toThrow(StoppedError);
    await expect(interrupted).rejects.toThrow(/run the same command again to resume/);
    const folder = join(root, 'trials', 't');
    expect(parseCsv(readFileSync(join(folder, 'trials.csv'), 'utf8')).rows.map(([seed]) => seed)).toEqual([
      'seed',
      '3',
    ]);
    const first = join(root, 'search', 't-3', 'events.jsonl');
    const before = statSync(first).size;

    lines.length = 0;
    const { trials, chosen, table } = await trialsJob({ layers: [...layers, { trials: 2 }] }, watcher);
    expect(lines.filter((line) => /^seed 3, (search|training): already finished$/.test(line))).toHaveLength(2);
    expect(lines.some((line) => line.startsWith('seed 4, search: epoch 1/'))).toBe(false);
    expect(statSync(first).size).toBe(before);
    expect(trials.map(({ seed, status, curve }) => [seed, status, curve.length])).toEqual([
      [3, 'undecided', 2],
      [4, 'undecided', 2],
    ]);
    expect(chosen?.retrained).toBe(Math.max(...trials.map(({ retrained }) => retrained as number)));
    const read = (path: string) => parseGenotype(readFileSync(path, 'utf8'), path);
    expect(read(join(folder, 'genotype.json'))).toEqual(read(join(chosen?.run as string, 'genotype.json')));
    for (const name of ['genotype.svg', 'trials.svg', 'trials.yaml']) expect(existsSync(join(folder, name))).toBe(true);
    expect(table).toBe(readFileSync(join(folder, 'trials.md'), 'utf8'));
    // Trainings differ in their architecture and nothing else.
    const configs = [3, 4].map((seed) => readFileSync(join(root, 'train', `t-${seed}`, 'config.yaml'), 'utf8'));
    expect(configs.map((text) => text.replaceAll(/t-\d/g, 't'))[0]).toBe(configs[1].replaceAll(/t-\d/g, 't'));

    await expect(trialsJob({ layers: [...layers, { trials: 2, batch: 3 }] })).rejects.toThrow(
      /was made with another batch: 2, wanted 3; give the trials another name/,
    );
    await expect(search({ ...layers[0], trials: 2 })).rejects.toThrow(/this is one search, got 2; call searchTrials/);
  }, 300_000);
});

describe('the table and the picture of trials', () => {
  const trial = (seed: number, retrained: number | null, ...scores: (number | null)[]): Trial => ({
    seed,
    status: scores.length > 0 ? 'done' : 'diverged',
    curve: scores.map((miou, epoch) => ({ epoch, miou })),
    architecture: 'path 0 1',
    retrained,
    run: `runs/${seed}`,
  });
  const trials = [trial(0, 0.3, 0.1, 0.2), trial(1, 0.4, 0.1, null, 0.15), trial(2, null), trial(3, 0.4, 0.25)];

  it('choose the best training, the first of equal ones, and none where none has a score', () => {
    expect(bestTrial(trials)?.seed).toBe(1);
    expect(bestTrial([trials[2]])).toBeUndefined();
  });

  it('hold a row and a curve for each', () => {
    const { rows } = parseCsv(formatTrialsCsv(trials));
    expect(rows.slice(1).map((row) => row.slice(0, 4))).toEqual([
      ['0', 'done', '0.2', '0.3'],
      ['1', 'done', '0.15', '0.4'],
      ['2', 'diverged', '', ''],
      ['3', 'done', '0.25', '0.4'],
    ]);
    const table = formatTrialsMarkdown(trials, { data: 'street', steps: 5 });
    expect(table).toContain('| 1 (chosen) | 15.00 | 40.00 | path 0 1 |  |');
    expect(table).toContain('| 2 | – | – | path 0 1 | diverged |');
    const drawing = drawTrials(trials);
    const curves = [...drawing.matchAll(/<polyline points="([^"]+)"[^>]*stroke-width="([\d.]+)"/g)];
    expect(curves.map(([, points, stroke]) => [points.split(' ').length, stroke])).toEqual([
      [2, '1.5'],
      [2, '3'],
    ]);
    expect(drawing.match(/retrained/g)).toHaveLength(4);
    expect(drawing).toContain('seed 1, 40.0 % retrained, chosen');
    // Higher scores are higher up.
    const heights = curves[0][1].split(' ').map((point) => Number(point.split(',')[1]));
    expect(heights[1]).toBeLessThan(heights[0]);
    expect(() => drawTrials([trials[2]])).not.toThrow();
  });
});
