/** @file Early stops, and the average of the best epochs. */
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { train } from '../../../src/index.ts';
import { loadCheckpoint } from '../../../src/run/checkpoint.ts';
import { openRunFolder } from '../../../src/run/folder.ts';
import { readResults } from '../../../src/run/results.ts';
import { keepEpoch } from '../../../src/train/retrain.ts';
import type { TrainProgress } from '../../../src/train/trainState.ts';
import { writeSceneFolder } from '../../helpers/scenes.ts';
import { sharedFolder } from '../../helpers/temporaryFolder.ts';
import { TINY_NETWORK } from '../../helpers/tinyRuns.ts';

const runs = sharedFolder();
const data = join(runs, 'own');
writeSceneFolder(data);
const common = { ...TINY_NETWORK, data, arch: 'unet:levels=2', runs, threads: 1 } as const;

describe('the epochs that are kept', () => {
  it('are the best ones, of equal scores the first', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 20 }),
        fc.integer({ min: 0, max: 4 }),
        (scores, most) => {
          const kept: TrainProgress['kept'] = [];
          scores.forEach((score, epoch) => {
            const before = kept.length;
            const isKept = keepEpoch(kept, epoch, score, most);
            expect(isKept).toBe(kept.some((one) => one.epoch === epoch));
            expect(kept.length).toBe(Math.min(most, before + 1));
          });
          const best = scores
            .map((score, epoch) => ({ epoch, score }))
            .sort((a, b) => b.score - a.score || a.epoch - b.epoch);
          expect(kept).toEqual(best.slice(0, most));
        },
      ),
    );
  });
});

/** Trains, and returns the lines that were logged with the checkpoints. */
async function trained(name: string, more: object) {
  const lines: string[] = [];
  const { run, epochs } = await train(
    { ...common, ...more, name },
    { watcher: { line: (text) => void lines.push(text) } },
  );
  const folder = openRunFolder(run);
  return { lines, epochs, folder, last: loadCheckpoint(folder.last), best: loadCheckpoint(folder.best) };
}

describe('patience', () => {
  it('ends a training that gets no better, and keeps the best weights', { timeout: 60_000 }, async () => {
    const { epochs, lines, best, folder } = await trained('patient', { epochs: 40, learningRate: 0.2, patience: 2 });
    const scores = readResults(folder.results).map(({ miou }) => Number(miou));
    const bestAt = scores.indexOf(scores.reduce((a, b) => Math.max(a, b)));
    expect(epochs).toBe(scores.length);
    expect(epochs).toBeLessThan(40);
    expect(scores.length - 1 - bestAt).toBe(2);
    // No two evaluations in a row before the last ones were without a better score.
    const rises = scores.flatMap((score, i) => (scores.slice(0, i).every((other) => other < score) ? [i] : []));
    rises.slice(1).forEach((at, i) => {
      expect(at - rises[i]).toBeLessThanOrEqual(2);
    });
    expect(lines.join('\n')).toContain('ended early: no better score in 2 evaluations (patience)');
    expect(best.state).toMatchObject({ progress: { epoch: bestAt + 1 } });
    const again = await train({ name: 'patient', runs }, { resume: true });
    expect(again.epochs).toBe(epochs);
  });
});

describe('average', () => {
  it('is the mean of the kept epochs, with statistics of its own', { timeout: 120_000 }, async () => {
    const { lines, best, last, folder } = await trained('mean', { epochs: 5, average: 3, learningRate: 0.05 });
    const { kept } = (last.state as { progress: TrainProgress }).progress;
    expect(kept).toHaveLength(3);
    const files = readdirSync(dirname(folder.last)).filter((name) => name.startsWith('epoch-'));
    expect(files.sort()).toEqual(kept.map(({ epoch }) => `epoch-${epoch}.safetensors`).sort());
    const said = lines.find((line) => line.includes('average of the weights of epochs'));
    const listed = kept.map(({ epoch }) => epoch + 1).sort((a, b) => a - b);
    expect(said).toContain(`epochs ${listed.join(', ')}: mIoU `);
    const isBetter = /, kept: /.test(said!);
    expect((best.state as { progress: TrainProgress }).progress.epoch).toBe(isBetter ? 5 : kept[0].epoch + 1);
  });

  it('is the same after a stop', { timeout: 120_000 }, async () => {
    const settings = { ...common, epochs: 4, average: 2, learningRate: 0.05, seed: 3 };
    const whole = await train({ ...settings, name: 'whole' });
    const controller = new AbortController();
    let steps = 0;
    const watcher = { progress: () => void (++steps === 5 && controller.abort()) };
    await expect(train({ ...settings, name: 'parts' }, { watcher, signal: controller.signal })).rejects.toThrow(
      /stopped/,
    );
    const parts = await train({ name: 'parts', runs }, { resume: true });
    for (const which of ['best', 'last'] as const) {
      const [a, b] = [whole.run, parts.run].map((run) => loadCheckpoint(openRunFolder(run)[which]).tensors);
      expect(b).toEqual(a);
    }
    expect(parts.scores.confusion).toEqual(whole.scores.confusion);
  });
});
