import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCsv } from '../../../src/base/csv.ts';
import { compareJob } from '../../../src/jobs/many/compare.ts';
import { parseConfig } from '../../../src/run/config/config.ts';
import { settings } from '../../../src/run/config/presets.ts';
import { readEvents } from '../../../src/run/eventLog.ts';
import { readPeers } from '../../../src/run/peers.ts';
import {
  type ComparedRun,
  formatComparisonCsv,
  formatComparisonMarkdown,
  groupRuns,
} from '../../../src/run/tables/comparison.ts';
import { drawComparison } from '../../../src/run/tables/drawComparison.ts';
import { sharedFolder } from '../../helpers/temporaryFolder.ts';
import { TINY_NETWORK } from '../../helpers/tinyRuns.ts';

const TINY = { ...TINY_NETWORK, data: 'scenes:48x33', preset: 'demo', threads: 1 };

describe('a comparison', () => {
  const root = sharedFolder();
  const configOf = (values: Record<string, unknown>) =>
    parseConfig(settings.compare, [{ runs: root, name: 'c', budget: '2steps', ...values }]);

  it('is stopped like a training, between steps, and resumes where it was', { timeout: 300_000 }, async () => {
    const config = configOf({ archs: 'random:1:2x1', seeds: 1, name: 'stopped', budget: '6steps' });
    const controller = new AbortController();
    const watcher = { progress: () => controller.abort(), line: () => undefined };
    await expect(compareJob(config, [TINY], watcher, controller.signal)).rejects.toThrow(
      /^stopped: everything up to here is saved; run the same command again to resume$/,
    );
    const [run] = readdirSync(join(root, 'train')).filter((name) => name.startsWith('stopped-'));
    const logOf = () => readEvents(join(root, 'train', run, 'events.jsonl'));
    const stepsOf = () => logOf().filter(({ type }) => type === 'step').length;
    expect(logOf().at(-1)).toMatchObject({ type: 'end', status: 'stopped' });
    expect(stepsOf()).toBe(1);
    const { architectures } = await compareJob(config, [TINY]);
    expect(architectures[0].runs[0]).toMatchObject({ status: 'done', steps: 6 });
    expect(stepsOf()).toBe(6);
  });

  it('makes each architecture as wide as its budget allows', async () => {
    const archs = ['random:1:2x1', 'unet:levels=2', 'deeplabv3plus'];
    const target = 6e7;
    const config = configOf({ archs, seeds: 1, name: 'fitted', budget: '1steps', multiplyAdds: target });
    const { architectures } = await compareJob(config, [TINY]);
    for (const { architecture, multiplyAdds } of architectures) {
      expect(multiplyAdds, architecture).toBeLessThanOrEqual(target);
      expect(multiplyAdds, architecture).toBeGreaterThan(0.9 * target);
    }
    const contradicting = compareJob(configOf({ archs, name: 'two', multiplyAdds: target }), [
      TINY,
      { budget: { multiplyAdds: 2 * target } },
    ]);
    await expect(contradicting).rejects.toThrow(/multiplyAdds=60000000 and budget.multiplyAdds=120000000 contradict/);
  });

  it('trains every architecture with every seed once, resumes, and groups them by architecture', async () => {
    const lines: string[] = [];
    const watcher = { progress: () => undefined, line: (text: string) => void lines.push(text) };
    const archs = 'random:1:2x1,deeplabv3plus';
    const first = await compareJob(configOf({ archs, seeds: 1, measureMemory: true }), [TINY], watcher);
    for (const { trainingBytes, measuredBytes } of first.architectures) {
      expect(trainingBytes).toBeGreaterThan(1e5);
      expect(measuredBytes).toBeGreaterThan(1e5);
    }
    expect(first.architectures.map(({ runs }) => runs.length)).toEqual([1, 1]);
    expect(lines.some((line) => line.includes('already finished'))).toBe(false);
    const logs = first.architectures.flatMap(({ runs }) => runs.map(({ run }) => join(run, 'events.jsonl')));
    const before = logs.map((file) => statSync(file).size);

    lines.length = 0;
    const second = await compareJob(configOf({ archs, seeds: 2 }), [TINY], watcher);
    expect(lines.filter((line) => line.includes('already finished'))).toHaveLength(2);
    expect(logs.map((file) => statSync(file).size)).toEqual(before);
    for (const { runs, mean, deviation, parameters } of second.architectures) {
      expect(runs.map(({ seed, status, steps }) => [seed, status, steps])).toEqual([
        [0, 'done', 2],
        [1, 'done', 2],
      ]);
      expect(mean).toBeCloseTo((runs[0].score! + runs[1].score!) / 2, 12);
      expect(deviation).toBeCloseTo(Math.abs(runs[0].score! - runs[1].score!) / Math.SQRT2, 12);
      expect(parameters).toBeGreaterThan(100);
    }
    const table = readFileSync(join(second.folder, 'comparison.md'), 'utf8');
    expect(table).toBe(second.table);
    expect(table).toMatch(/\| deeplabv3plus \| \d+\.\d\d ± \d+\.\d\d \|/);
    const { rows } = parseCsv(readFileSync(join(second.folder, 'comparison.csv'), 'utf8'));
    expect(rows).toHaveLength(5);
    expect(readFileSync(join(second.folder, 'comparison.svg'), 'utf8')).toContain('deeplabv3plus');
    // Every report shows what its network was compared with, those of the first comparison too.
    for (const { architecture, runs, mean } of second.architectures)
      for (const { run } of runs) {
        const peers = readPeers(run);
        expect(peers?.own).toBe(architecture);
        expect(peers?.networks).toHaveLength(2);
        expect(peers?.networks.find(({ name }) => name === architecture)).toMatchObject({ score: mean, trainings: 2 });
        expect(readFileSync(join(run, 'report.html'), 'utf8')).toMatch(/Score against cost.*\(this run\)/s);
      }
  });

  it('refuses what would not be one comparison, before it trains', async () => {
    const archs = 'random:1:2x1';
    await expect(compareJob(configOf({ archs, seeds: 1 }), [TINY, { learningRate: 0.1 }])).rejects.toThrow(
      /was made with another learningRate: 0.004, wanted 0.1; give the comparison another name/,
    );
    await expect(compareJob(configOf({ archs }), [TINY, { seed: 3 }])).rejects.toThrow(
      /seed: not allowed here, a comparison sets it/,
    );
    await expect(compareJob(configOf({ archs, name: 'd' }), [TINY, { batchs: 3 }])).rejects.toThrow(
      /did you mean "batch"/,
    );
    await expect(compareJob(configOf({ archs: 'random:1,unheard', name: 'd' }), [TINY])).rejects.toThrow(
      /no architecture "unheard"/,
    );
    expect(() => configOf({ archs: 'a,a' })).toThrow(/archs: expected different architectures/);
    expect(() => configOf({ archs: 'a', budget: 'soon' })).toThrow(/budget: expected such as 400steps or 15min/);
  });
});

describe('the table and the picture', () => {
  const run = (architecture: string, seed: number, score: number | null): ComparedRun => ({
    architecture,
    seed,
    run: `runs/${architecture}-${seed}`,
    status: score === null ? 'diverged' : 'done',
    score,
    pixelAccuracy: score,
    parameters: 1e6,
    multiplyAdds: 2e9,
    trainingBytes: 3e9,
    measuredBytes: architecture === 'a' ? 2.5e9 : null,
    steps: 10,
    seconds: 3,
  });
  const runs = [run('a', 0, 0.2), run('a', 1, 0.4), run('b<', 0, 0.5), run('b<', 1, null), run('c|d', 0, null)];
  const grouped = groupRuns(runs);

  it('put the best mean first and what failed last, with a remark', () => {
    expect(grouped.map(({ architecture, mean }) => [architecture, mean])).toEqual([
      ['b<', 0.5],
      ['a', expect.closeTo(0.3, 12)],
      ['c|d', null],
    ]);
    const text = formatComparisonMarkdown(grouped, {
      data: 'd',
      budget: '10steps',
      batch: 4,
      size: [33, 49],
      score: 'mean Dice',
    });
    const lines = text.trimEnd().split('\n');
    expect(lines[4]).toBe('| b< | 50.00 | 50.00, – | 1.00 | 2.00 | 3.000 | – | 10 | seed 1 diverged |');
    expect(lines[5]).toBe('| a | 30.00 ± 14.14 | 20.00, 40.00 | 1.00 | 2.00 | 3.000 | 2.500 | 10 |  |');
    expect(lines[2]).toContain('| mean Dice % (± standard deviation) |');
    expect(lines[2]).toContain('| memory of a step of 4, GB | measured, GB |');
    expect(lines[6]).toContain('| c\\|d | – |');
    expect(parseCsv(formatComparisonCsv(runs)).rows[4].slice(0, 4)).toEqual(['b<', '1', 'diverged', '']);
  });

  it('keep every mark inside the panels, and escape names', () => {
    const svg = drawComparison(grouped, { score: 'mIoU' });
    expect(svg).toContain('b&lt;');
    expect(svg).not.toContain('b<');
    const marks = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)" r="2.5"/g)].map(([, x, y]) => [
      Number(x),
      Number(y),
    ]);
    // Three scores in each of three panels.
    expect(marks).toHaveLength(9);
    for (const [x, y] of marks) {
      expect(x).toBeGreaterThan(56);
      expect(x).toBeLessThanOrEqual(416);
      expect(y).toBeGreaterThanOrEqual(30);
      expect(y).toBeLessThanOrEqual(276);
    }
    const [low, high] = [marks[1], marks[2]].map(([, y]) => y);
    expect(low).toBeGreaterThan(high);
    expect(drawComparison(groupRuns([run('x', 0, null)]), { score: 'mIoU' })).toContain('x, no score');
  });
});
