/** @file A CRF after a trained network: scores with and without it, its record, weights found on other samples, predictions, comparisons, refusals. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { compareCommand } from '../../src/cli/compare.ts';
import { predictCommand } from '../../src/cli/predict.ts';
import { imageBatch } from '../../src/data/loader/batch.ts';
import type { DataSet, Sample } from '../../src/data/types.ts';
import { noGrad } from '../../src/engine/autograd.ts';
import * as op from '../../src/engine/operators.ts';
import { scope } from '../../src/engine/tensor.ts';
import { openDataSet, openNetwork, segment, train } from '../../src/index.ts';
import { classMap, toTensors } from '../../src/infer/batch.ts';
import { refine } from '../../src/infer/crf/crf.ts';
import { predictSample } from '../../src/infer/crf/predict.ts';
import { APPEARANCE_WEIGHTS, SMOOTHNESS_WEIGHTS, tuneCrf, withWeights } from '../../src/infer/crf/tune.ts';
import { evaluate as evaluateNetwork } from '../../src/infer/evaluate.ts';
import { predictClasses, SINGLE_SCALE } from '../../src/infer/inference.ts';
import { evaluateJob } from '../../src/jobs/evaluateJob.ts';
import { compareJob } from '../../src/jobs/many/compare.ts';
import { crfFor } from '../../src/jobs/prepare/crf.ts';
import { crfOptions, inferenceOptions } from '../../src/jobs/settings.ts';
import { type Layer, parseConfig } from '../../src/run/config/config.ts';
import { settings } from '../../src/run/config/presets.ts';
import { listEvaluations } from '../../src/run/evaluations.ts';
import { openRunFolder } from '../../src/run/folder.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';
import { TINY_NETWORK } from '../helpers/tinyRuns.ts';

const root = sharedFolder();
const run = join(root, 'train', 't');
beforeAll(async () => {
  await train({
    data: 'scenes:64x48',
    arch: 'unet:levels=3',
    runs: root,
    name: 't',
    steps: 12,
    threads: 1,
    ...TINY_NETWORK,
  });
}, 120_000);

const evaluate = (...layers: Layer[]) => evaluateJob(parseConfig(settings.evaluate, [{ run, threads: 1 }, ...layers]));
const CRF = { postprocess: 'crf', 'crf.iterations': 3 } as const;

describe('evaluate', () => {
  it('scores with the CRF and, from the same pass, without it', async () => {
    const plain = await evaluate();
    const { scores, evaluation } = await evaluate(CRF);
    const { unrefined } = scores;
    expect(plain.scores.unrefined).toBeUndefined();
    expect(plain.evaluation.crf).toBeUndefined();
    expect([...unrefined!.confusion.counts]).toEqual([...plain.scores.confusion.counts]);
    expect([...scores.confusion.counts]).not.toEqual([...plain.scores.confusion.counts]);
    expect(evaluation.crf).toMatchObject({
      iterations: 3,
      appearance: { weight: 4, position: [67, 67], intensity: 3 },
      smoothness: { weight: 3, position: [1, 1] },
      exact: false,
      tunedOn: null,
      without: { miou: plain.scores.miou },
    });
    expect(evaluation.crf!.ms).toBeGreaterThan(0);
    const listed = listEvaluations(openRunFolder(run)).find(({ name }) => name === evaluation.name)!;
    expect(listed.crf).toEqual(evaluation.crf);
    expect(readFileSync(join(evaluation.path, 'report.html'), 'utf8')).toMatch(
      /CRF of 3 iterations, weights 4 \(appearance\) and 3 \(smoothness\)/,
    );
  }, 120_000);

  it('without weights is the network alone', async () => {
    const { scores } = await evaluate({ ...CRF, 'crf.appearance.weight': 0, 'crf.smoothness.weight': 0 });
    expect([...scores.confusion.counts]).toEqual([...scores.unrefined!.confusion.counts]);
  }, 120_000);

  it('finds weights on other samples than those that are scored, which are no worse there than none', async () => {
    const small = { ...CRF, 'crf.tune': true, 'crf.tuneSamples': 2, 'crf.iterations': 1 };
    const { evaluation } = await evaluate(small);
    expect(evaluation.crf!.tunedOn).toBe('train');
    expect([0, 1, 2, 4, 8]).toContain(evaluation.crf!.appearance.weight);
    expect([0, 1, 3]).toContain(evaluation.crf!.smoothness.weight);
    await expect(evaluate({ ...small, 'crf.tuneOn': 'val' })).rejects.toThrow(
      /crf.tuneOn: expected another split than the one that is scored, got val; give one of train/,
    );
    await expect(evaluate({ ...small, 'crf.tuneOn': 'tests' })).rejects.toThrow(/no split "tests"/);
  }, 120_000);

  it('never on a sample that is scored', async () => {
    const { splits, ...dataset } = await openDataSet('scenes:48x33');
    const few = { train: splits.train.slice(0, 3), val: splits.val.slice(0, 2) };
    const task = { network: openNetwork(run, { threads: 1 }).forward, device: 'cpu' };
    const find = (extra: Record<string, Sample[]>, split: string, layer: Layer) => {
      const config = parseConfig(settings.evaluate, [
        { run, postprocess: 'crf', 'crf.iterations': 1, 'crf.tune': true, split },
        layer,
      ]);
      return crfFor(config, inferenceOptions(config, {}), {
        ...task,
        dataset: { ...dataset, splits: few, extra } as DataSet,
      });
    };
    expect((await find({}, 'train', {}))!.tunedOn).toBe('val');
    expect((await find({ test: few.val }, 'test', { 'crf.tuneOn': 'train' }))!.tunedOn).toBe('train');
    await expect(find({ test: few.val }, 'test', {})).rejects.toThrow(
      /scene-1000000 of val is also in test, which is scored/,
    );
    await expect(find({ none: [] }, 'val', { 'crf.tuneOn': 'none' })).rejects.toThrow(/the split none has no sample/);
  }, 120_000);

  it('takes the best pair of the grid, and needs labels', async () => {
    const { splits, ...dataset } = await openDataSet('scenes:48x33');
    const { forward } = openNetwork(run, { threads: 1 });
    const crf = crfOptions(parseConfig(settings.evaluate, [{ run, 'crf.iterations': 1 }]).crf, 2);
    const tune = (samples: readonly Sample[]) =>
      tuneCrf(forward, dataset as DataSet, samples, 'cpu', { ...SINGLE_SCALE, crf });
    const found = await tune(splits.val.slice(0, 2));
    expect(found.score).toBeGreaterThanOrEqual(found.without);
    for (const appearance of APPEARANCE_WEIGHTS)
      for (const smoothness of SMOOTHNESS_WEIGHTS) {
        const options = { inference: { ...SINGLE_SCALE, crf: withWeights(crf, { appearance, smoothness }) } };
        const { miou } = await evaluateNetwork(forward, dataset as DataSet, splits.val.slice(0, 2), 'cpu', options);
        expect(miou).toBeLessThanOrEqual(found.score);
        if (appearance === found.appearance && smoothness === found.smoothness) expect(miou).toBe(found.score);
      }
    await expect(tune([])).rejects.toThrow(/crf.tune: none of 0 samples has a label/);
  }, 120_000);

  it.each([
    [{ 'crf.iterations': 0 }, /crf.iterations: expected a whole number from 1/],
    [{ 'crf.appearance.position': -3 }, /crf.appearance.position: expected a number above 0/],
    [{ 'crf.appearance.intensity': 0 }, /crf.appearance.intensity: expected a number above 0/],
    [{ 'crf.smoothness.weight': -1 }, /crf.smoothness.weight: expected a number from 0/],
    [{ 'crf.smoothness.position': [1, 2, 3] }, /3 sides.*images take \[height, width\]/],
    [{ 'crf.appearence.weight': 3 }, /unknown setting.*did you mean "crf.appearance/],
    [{ 'crf.exact': true, data: 'scenes:80x64' }, /crf.exact: expected at most 4096 pixels, got 64 x 80/],
  ])('refuses %j', async (layer, message) => {
    await expect((async () => evaluate(CRF, layer))()).rejects.toThrow(message);
  });
});

describe('predict', () => {
  const data = Uint8Array.from({ length: 40 * 30 * 3 }, (_, i) => (i % 120 < 60 ? 20 : 220) + (i % 7));
  const picture = { width: 40, height: 30, data };

  it('gives the classes of the largest marginals of the CRF over the softmax of the network', async () => {
    const network = openNetwork(run, { threads: 1 });
    const crf = crfOptions(parseConfig(settings.predict, [{ run, ...CRF }]).crf, 2);
    const { ids } = await segment(network, picture, { ...SINGLE_SCALE, crf });
    const [expected, alone] = scope(() => {
      const { images } = toTensors(imageBatch(picture), 'cpu');
      const probabilities = noGrad(() => op.softmax(network.forward(images), 1));
      return [refine(probabilities, images, crf), probabilities].map(classMap);
    });
    expect(ids).toEqual(expected);
    expect((await segment(network, picture)).ids).toEqual(alone);
  }, 120_000);

  it('works behind windows and test-time augmentation', () => {
    const network = openNetwork(run, { threads: 1 });
    const crf = crfOptions(parseConfig(settings.predict, [{ run, ...CRF }]).crf, 2);
    scope(() => {
      const { images } = toTensors(imageBatch(picture), 'cpu');
      const options = { scales: [0.5, 1], mirror: ['width'], window: { window: [16, 24] } } as const;
      const { ids, unrefined } = predictSample(network.forward, images, 'cpu', { ...options, crf });
      expect(unrefined!.ids).toEqual(predictClasses(network.forward, images, 'cpu', options));
      expect(ids).toHaveLength(1200);
    });
  });

  it('refuses it for an exported model, which has no engine, and settings of a CRF without one', async () => {
    const model = 'some/model.onnx';
    await expect(predictCommand.run([model, 'a.png', 'postprocess=crf'])).rejects.toThrow(
      /postprocess=crf: the CRF runs in the engine, got the exported model some\/model.onnx; predict with the run/,
    );
    await expect(predictCommand.run([model, 'a.png', 'crf.iterations=2'])).rejects.toThrow(
      /crf.iterations has no effect/,
    );
    await expect(predictCommand.run([`run=${run}`, 'a.png', 'crf.exact=true'])).rejects.toThrow(
      /crf.exact has no effect/,
    );
  });
});

describe('volumes', () => {
  const volumes = { data: 'phantoms:16x20x16', arch: 'unet:levels=2', filters: 4, crop: 16, batch: 10, steps: 4 };
  const run = join(root, 'train', 'v');
  beforeAll(async () => {
    await train({ ...volumes, runs: root, name: 'v', workers: 0, threads: 1, optimizer: 'adamw', learningRate: 0.01 });
  }, 120_000);

  it('are scored with and without it, case by case, and their weights found', async () => {
    const plain = await evaluateJob(parseConfig(settings.evaluate, [{ run, threads: 1 }]));
    const config = parseConfig(settings.evaluate, [
      { run, threads: 1, ...CRF, 'crf.tune': true, 'crf.tuneSamples': 1 },
    ]);
    const { scores, evaluation } = await evaluateJob(config);
    expect(scores.unrefined!.volumes!.cases).toEqual(plain.scores.volumes!.cases);
    expect(scores.volumes!.cases.map(({ id }) => id)).toEqual(plain.scores.volumes!.cases.map(({ id }) => id));
    expect(evaluation.crf).toMatchObject({ appearance: { position: [67, 67, 67], intensity: 0.1 }, tunedOn: 'train' });
    expect(evaluation.crf!.without.dice).toBe(plain.evaluation.scores.dice);
  }, 120_000);
});

describe('compare', () => {
  it('adds what the CRF brings each run, measured once', async () => {
    const layers = [{ ...TINY_NETWORK, data: 'scenes:48x33', preset: 'demo', threads: 1 }];
    const compared = { archs: 'unet:levels=2', seeds: 1, budget: '2steps', runs: root, name: 'c' };
    const config = parseConfig(settings.compare, [{ ...compared, ...CRF }]);
    const first = await compareJob(config, layers);
    const [one] = first.architectures[0].runs;
    const evaluations = () => listEvaluations(openRunFolder(one.run));
    expect(evaluations()).toHaveLength(1);
    expect(one).toMatchObject({ crfScore: evaluations()[0].scores.miou, crfMs: evaluations()[0].crf!.ms });
    expect(first.table).toMatch(/mIoU % with CRF \(of each seed\), ms a sample/);
    const again = await compareJob(config, layers);
    expect(again.table).toBe(first.table);
    expect(evaluations()).toHaveLength(1);
  }, 120_000);

  it('refuses settings of a CRF without one', async () => {
    const words = ['data=scenes', 'archs=unet', 'budget=1steps', 'crf.iterations=3'];
    await expect(compareCommand.run(words)).rejects.toThrow('crf.iterations has no effect: postprocess is none');
  });
});
