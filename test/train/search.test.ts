import { describe, expect, it } from 'vitest';
import { NumericError } from '../../src/base/errors.ts';
import { NO_AUGMENTATION, STANDARD_AUGMENTATION } from '../../src/data/images/augment.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { restoreSearch, storeSearch } from '../../src/jobs/checkpoint/search.ts';
import type { Method, SearchData } from '../../src/method/method.ts';
import { METHODS } from '../../src/method/registry.ts';
import { crossEntropy } from '../../src/nn/losses.ts';
import { searchLoop } from '../../src/train/search.ts';
import type { SearchEpoch, SearchSettings } from '../../src/train/searchOptions.ts';
import { createSearch, splitHalves } from '../../src/train/searchState.ts';
import { smallScenes } from '../helpers/scenes.ts';

const dataset = smallScenes(13, 2);
const settings: SearchSettings = {
  epochs: 3,
  warmupEpochs: 1,
  batch: 3,
  crop: [33, 33],
  seed: 1,
  workers: 0,
  augmentation: STANDARD_AUGMENTATION,
  evaluateSamples: 1,
  splitFraction: 0.5,
  reduction: 1,
};
const weights = { learningRate: 0.05, minimumLearningRate: 0.001, momentum: 0.9, decay: 3e-4, clip: 5 };
const architecture = { learningRate: 0.01, decay: 1e-3 };
const space = {
  layers: 2,
  filters: 2,
  blocks: 1,
  atrous: 'dense',
  cellWeights: 'perNode',
  betaNormalisation: 'outgoing',
  weights,
  architecture,
} as const;
const autoDeepLab = METHODS['auto-deeplab'](space);
const sampled = METHODS['auto-deeplab']({ ...space, sampling: 'gumbel' });
const dints = METHODS.dints({
  ...settings,
  layers: 2,
  levels: 2,
  width: 0.0625,
  budget: { memory: 0.3 },
  weights,
  architecture,
});
describe('the halves', () => {
  it('are disjoint, complete and follow the seed', () => {
    const { train } = dataset.splits;
    const { weightHalf, architectureHalf } = splitHalves(train, 3);
    const ids = [...weightHalf, ...architectureHalf].map(({ id }) => id);
    expect([weightHalf.length, architectureHalf.length]).toEqual([7, 6]);
    expect([...ids].sort()).toEqual(train.map(({ id }) => id).sort());
    expect(splitHalves(train, 3).weightHalf).toEqual(weightHalf);
    expect(splitHalves(train, 4).weightHalf).not.toEqual(weightHalf);
    expect(splitHalves(train, 3, 0.8).weightHalf).toHaveLength(11);
  });
});

/** Methods with a crop that they can take; no test below knows more of them. */
const METHOD_CASES: [string, Method, number][] = Object.entries({ autoDeepLab, sampled, dints }).map(
  ([name, method]) => [name, method, 32 + method.sides.remainder],
);

describe.each(METHOD_CASES)('the search with %s', (_, method, side) => {
  const own = { ...settings, crop: [side, side] };
  const data: SearchData = { rank: 2, inputs: 3, classes: dataset.classes.length, batch: 3, size: own.crop };
  const describeState = (snapshot: unknown) => method.describe(snapshot, data);
  const start = () =>
    createSearch(method, method.createSearchNetwork({ generator: new Generator(1).id, device: 'cpu' }, data));

  async function run(
    search: ReturnType<typeof start>,
    stopAfter?: number,
    afterStep?: (step: number) => void,
    settings: SearchSettings = own,
  ) {
    const epochs: SearchEpoch[] = [];
    const losses: number[] = [];
    await searchLoop(search, {
      dataset,
      settings,
      device: 'cpu',
      loss: crossEntropy,
      describe: describeState,
      recorder: {
        step: ({ loss, architectureLoss }) => {
          losses.push(loss, architectureLoss ?? 0);
          afterStep?.(losses.length / 2);
        },
        epoch: (event) => void epochs.push(event),
      },
      stop: () => epochs.length === stopAfter,
    });
    return { epochs, losses };
  }

  it('freezes the architecture in the first epochs, then moves it, and logs what it finds', async () => {
    const search = start();
    const before = search.network.snapshot();
    const { epochs } = await run(search);
    expect(epochs.map(({ architectureLoss }) => architectureLoss === null)).toEqual([true, false, false]);
    expect(epochs[0].snapshot).toEqual(before);
    expect(epochs[1].snapshot).not.toEqual(before);
    expect(epochs[2].genotype.layers).toBe(2);
    expect(epochs[2].scores?.miou).toBeGreaterThanOrEqual(0);
    expect(epochs.map(({ discretisationGap }) => discretisationGap === null)).toEqual([true, false, false]);
    for (const { metrics } of epochs) expect(Object.values(metrics).every(Number.isFinite)).toBe(true);
    expect(epochs[2].metrics.operatorEntropy).toBeGreaterThan(0);
  });

  it('resumes after a stored epoch exactly as if it had never stopped', async () => {
    const whole = start();
    const uninterrupted = await run(whole);
    const first = start();
    const { losses: early } = await run(first, 2);
    const stored = storeSearch(first);
    const second = start();
    restoreSearch(second, structuredClone(stored));
    const { losses: late, epochs } = await run(second);
    expect([...early, ...late]).toEqual(uninterrupted.losses);
    expect(epochs.at(-1)?.snapshot).toEqual(uninterrupted.epochs.at(-1)?.snapshot);
    expect(storeSearch(second)).toEqual(storeSearch(whole));
  });

  it('resumes in the middle of an epoch, means of the epoch included', async () => {
    const whole = start();
    let stored: ReturnType<typeof storeSearch> | undefined;
    const uninterrupted = await run(whole, undefined, (step) => {
      if (step === 3) stored = structuredClone(storeSearch(whole));
    });
    const second = start();
    restoreSearch(second, stored!);
    expect(second.progress).toMatchObject({ epoch: 1, step: 3, current: { steps: 1 } });
    const late = await run(second);
    expect(late.losses).toEqual(uninterrupted.losses.slice(6));
    expect(late.epochs).toEqual(uninterrupted.epochs.slice(1));
    expect(storeSearch(second)).toEqual(storeSearch(whole));
  });

  it('ends when more of the decoded operators than allowed are skips, and stays ended when it resumes from there', async () => {
    const search = start();
    const collapsing = { ...own, epochs: 4, maximumSkipShare: 0.5 };
    const shares = [0.9, 0.4, 0.6, 0.1];
    const ran: number[] = [];
    const job = {
      dataset,
      settings: collapsing,
      device: 'cpu',
      loss: crossEntropy,
      describe: (snapshot: unknown) => ({ ...describeState(snapshot), metrics: { skipShare: shares[ran.length] } }),
      recorder: { epoch: ({ epoch }: SearchEpoch) => void ran.push(epoch) },
    };
    await searchLoop(search, job);
    // The first epoch is of the warm-up, in which nothing is decided.
    expect(ran).toEqual([0, 1, 2]);
    const resumed = start();
    restoreSearch(resumed, structuredClone(storeSearch(search)));
    await searchLoop(resumed, job);
    expect(ran).toEqual([0, 1, 2]);
    await searchLoop(start(), { ...job, settings: { ...collapsing, maximumSkipShare: 1 }, describe: describeState });
    expect(ran.slice(3)).toEqual([0, 1, 2, 3]);
  });

  it('moves the architecture elsewhere with steps of second order, and resumes them exactly', async () => {
    const second = { ...own, secondOrder: true, evaluateSamples: 0 };
    const [first, whole] = [start(), start()];
    await run(first, undefined, undefined, { ...second, secondOrder: false });
    const { losses } = await run(whole, undefined, undefined, second);
    expect(whole.network.snapshot()).not.toEqual(first.network.snapshot());
    const stopped = start();
    const { losses: early } = await run(stopped, 2, undefined, second);
    const resumed = start();
    restoreSearch(resumed, structuredClone(storeSearch(stopped)));
    const { losses: late } = await run(resumed, undefined, undefined, second);
    expect([...early, ...late]).toEqual(losses);
    expect(storeSearch(resumed)).toEqual(storeSearch(whole));
  });

  it('looks ahead over the step of the weights that comes next, on the same batch, in steps of second order', async () => {
    const batches: string[] = [];
    const settings = { ...own, epochs: 1, warmupEpochs: 0, evaluateSamples: 0, secondOrder: true };
    await searchLoop(start(), {
      dataset,
      settings,
      device: 'cpu',
      loss(logits, labels) {
        batches.push(labels.numbers().join());
        return crossEntropy(logits, labels);
      },
      describe: describeState,
      recorder: { epoch: () => undefined },
    });
    const [virtual, validation, plus, minus, weights] = batches;
    expect([plus, minus, weights]).toEqual([virtual, virtual, virtual]);
    expect(validation).not.toBe(virtual);
    expect(batches).toHaveLength(5 * 2);
  });

  it('skips a step without a finite loss, and ends as diverged when they come in a row', async () => {
    const search = start();
    const before = storeSearch(search);
    const job = {
      dataset,
      settings: { ...own, epochs: 9, warmupEpochs: 0, evaluateSamples: 0 },
      device: 'cpu',
      describe: describeState,
      recorder: { epoch: () => undefined },
    };
    const nowhere: typeof crossEntropy = (logits, labels) => op.addNumber(crossEntropy(logits, labels), Number.NaN);
    await expect(searchLoop(search, { ...job, loss: nowhere })).rejects.toThrow(NumericError);
    // Only running statistics of norms moved: none of what is trained.
    const trained = search.network.weights.parameters().map(({ name }) => `weights.${name}`);
    const after = storeSearch(search);
    for (const name of trained) expect(after.tensors[name], name).toEqual(before.tensors[name]);
    expect(after.state.steps).toEqual({ weights: 0, architecture: 0 });
  });

  it('gives the same result whatever the augmentation draws when there is none to draw, and another for another seed', async () => {
    const plain = { ...own, augmentation: NO_AUGMENTATION, epochs: 2 };
    const losses = async (seed: number) => {
      const seen: number[] = [];
      await searchLoop(start(), {
        dataset,
        settings: { ...plain, seed },
        device: 'cpu',
        loss: crossEntropy,
        describe: describeState,
        recorder: { step: ({ loss }) => void seen.push(loss), epoch: () => undefined },
      });
      return seen;
    };
    expect(await losses(1)).toEqual(await losses(1));
    expect(await losses(1)).not.toEqual(await losses(2));
  });
});
