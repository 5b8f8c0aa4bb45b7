/** @file Losses that go wrong: skipped, counted, reported; and what a run that diverged leaves. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NumericError } from '../../../src/base/errors.ts';
import { createRandom } from '../../../src/base/random.ts';
import { Generator } from '../../../src/engine/device.ts';
import * as op from '../../../src/engine/operators.ts';
import { train } from '../../../src/jobs/library.ts';
import { createDescribed } from '../../../src/jobs/network.ts';
import { loadCheckpoint } from '../../../src/run/checkpoint.ts';
import { readEvents } from '../../../src/run/eventLog.ts';
import { openRunFolder } from '../../../src/run/folder.ts';
import { formatGenotype, randomGenotype } from '../../../src/space/genotype.ts';
import {
  checkLoss,
  DIVERGED_AFTER,
  EXPLODED_AFTER,
  EXPLODED_FACTOR,
  type Health,
  isSound,
  resetStatistics,
  slowWarning,
  startOfHealth,
} from '../../../src/train/step/health.ts';
import { writeSceneFolder } from '../../helpers/scenes.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';
import { TINY_NETWORK } from '../../helpers/tinyRuns.ts';

/** The number of losses that are taken before the run counts as diverged; undefined when it never does. */
function stepsUntilDiverged(losses: readonly number[], health: Health = startOfHealth()): number | undefined {
  for (const [i, loss] of losses.entries()) {
    try {
      checkLoss('the test', health, loss);
    } catch (error) {
      expect(error).toBeInstanceOf(NumericError);
      expect((error as NumericError).advice).toMatch(/a tenth of it.*last checkpoint is from before/);
      return i + 1;
    }
  }
  return undefined;
}
const times = (count: number, loss: number) => new Array<number>(count).fill(loss);
const first = [2, 1.5, 1.9];

describe('a run diverges', () => {
  it('with losses that are no numbers in a row, and not with one between', () => {
    expect(stepsUntilDiverged(times(50, Number.NaN))).toBe(DIVERGED_AFTER);
    expect(stepsUntilDiverged(times(50, Number.POSITIVE_INFINITY))).toBe(DIVERGED_AFTER);
    const almost = [...times(DIVERGED_AFTER - 1, Number.NaN), 1];
    expect(stepsUntilDiverged([...almost, ...almost, ...almost])).toBeUndefined();
  });

  it('with losses far above the first ones in a row, and not just below, nor with one between', () => {
    const high = 2 * EXPLODED_FACTOR + 0.01;
    expect(stepsUntilDiverged([...first, ...times(50, high)])).toBe(first.length + EXPLODED_AFTER);
    expect(stepsUntilDiverged([...first, ...times(50, 2 * EXPLODED_FACTOR)])).toBeUndefined();
    const almost = [...times(EXPLODED_AFTER - 1, high), 2];
    expect(stepsUntilDiverged([...first, ...almost, ...almost])).toBeUndefined();
    expect(stepsUntilDiverged(times(50, 1e9))).toBeUndefined();
    // Losses of a search on scenes at a hundred times its learning rate.
    expect(stepsUntilDiverged([2.46, 56.9, 71.7, ...times(50, 60)])).toBe(1 + EXPLODED_AFTER);
  });

  it('at the same step when it was resumed in between', () => {
    const losses = [...first, ...times(EXPLODED_AFTER, 100)];
    for (let cut = 0; cut < losses.length; cut++) {
      const health = startOfHealth();
      expect(stepsUntilDiverged(losses.slice(0, cut), health)).toBeUndefined();
      const stored = JSON.parse(JSON.stringify(health)) as Health;
      expect(stepsUntilDiverged(losses.slice(cut), stored)).toBe(losses.length - cut);
    }
  });

  it('and is not saved while its losses are wrong', () => {
    const health = startOfHealth();
    for (const loss of first) checkLoss('the test', health, loss);
    expect(isSound(health)).toBe(true);
    checkLoss('the test', health, Number.NaN);
    expect(isSound(health)).toBe(false);
    checkLoss('the test', health, 2);
    expect(isSound(health)).toBe(true);
    checkLoss('the test', health, 100);
    expect(isSound(health)).toBe(false);
  });
});

it('warns after an epoch whose loss is no better than at the start', () => {
  const health = startOfHealth();
  for (const loss of first) checkLoss('the test', health, loss);
  expect(slowWarning(health, 1, 2)).toMatch(
    /does not fall: 2.00 in this epoch, 2.00 in the first step; the learning rate/,
  );
  expect(slowWarning(health, 1, 1.99)).toBeUndefined();
  expect(slowWarning(health, 0, 5)).toBeUndefined();
});

it('resets running statistics, and nothing else', () => {
  const genotype = randomGenotype({ layers: 2, blocks: 1, filters: 2 }, createRandom(2));
  const options = { inputs: 3, classes: 3, stem: [4, 4, 8], head: { aspp: 8, decoder: 8, lowLevel: 4 } } as const;
  const { parameters } = createDescribed({ architecture: genotype, options }, new Generator(1), 'cpu');
  const before = new Map([...parameters.entries()].map(([name, tensor]) => [name, tensor.numbers()]));
  const statistics = [...parameters.entries()].filter(([name]) => /runningMean|runningVariance/.test(name));
  expect(statistics.length).toBeGreaterThan(4);
  for (const [i, [, tensor]] of statistics.entries())
    op.copyInto(tensor, op.full(tensor.shape, i % 3 === 0 ? Number.NaN : Number.NEGATIVE_INFINITY));
  resetStatistics(parameters);
  for (const [name, tensor] of parameters.entries()) expect(tensor.numbers(), name).toEqual(before.get(name));
});

it('a training whose learning rate is far too high ends as diverged, with advice and the last good checkpoint', async () => {
  const folder = temporaryFolder();
  writeSceneFolder(join(folder, 'own'));
  const genotype = randomGenotype({ layers: 2, blocks: 1, filters: 2 }, createRandom(2));
  writeFileSync(join(folder, 'small.json'), formatGenotype(genotype));
  const settings = {
    data: join(folder, 'own'),
    arch: join(folder, 'small.json'),
    runs: join(folder, 'runs'),
    name: 'wild',
    epochs: 30,
    ...TINY_NETWORK,
    evaluateEvery: 100,
    clip: 0,
    optimizer: 'sgd',
    learningRate: 1e20,
    warmupSteps: 0,
    checkpointMinutes: 1e-9,
  } as const;
  await expect(train(settings)).rejects.toThrow(NumericError);
  const run = openRunFolder(join(folder, 'runs', 'train', 'wild'));
  expect(readEvents(run.events).at(-1)).toMatchObject({
    type: 'end',
    status: 'diverged',
    message: expect.stringMatching(/tenth/),
  });
  const { tensors } = loadCheckpoint(run.last);
  for (const [name, { dtype, data }] of Object.entries(tensors))
    if (dtype === 'float32')
      expect(new Float32Array(Uint8Array.from(data).buffer).every(Number.isFinite), name).toBe(true);
});
