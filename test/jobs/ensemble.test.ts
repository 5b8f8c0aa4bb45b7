/** @file Ensembles: the mean of the softmax of several runs, in predictions, evaluations and one ONNX file; runs that do not fit together are refused. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { imageBatch } from '../../src/data/loader/batch.ts';
import { paintScene } from '../../src/data/scenes/scenes.ts';
import * as op from '../../src/engine/operators.ts';
import { scope } from '../../src/engine/tensor.ts';
import { evaluate, exportNetwork, openModel, openNetwork, train } from '../../src/index.ts';
import { toTensors } from '../../src/infer/batch.ts';
import { meanOfNetworks } from '../../src/infer/ensemble.ts';
import { predictWithProbabilities } from '../../src/infer/inference.ts';
import { runsOf } from '../../src/jobs/ensemble/runs.ts';
import { LEAST_PROBABILITY } from '../../src/nn/logProbabilities.ts';
import { describeEvaluation, listEvaluations } from '../../src/run/evaluations.ts';
import { openRunFolder } from '../../src/run/folder.ts';
import { sharedFolder, temporaryFolder } from '../helpers/temporaryFolder.ts';
import { largestDifference } from '../helpers/tensors.ts';
import { TINY_NETWORK } from '../helpers/tinyRuns.ts';

const folder = sharedFolder();
const run = (name: string) => join(folder, 'train', name);
const SCENE = paintScene(5, 64, 48);
const images = () => toTensors(imageBatch({ width: 64, height: 48, data: SCENE.image }), 'cpu').images;

beforeAll(async () => {
  for (const [seed, arch] of [
    [1, 'unet:levels=3'],
    [2, 'unet:levels=3'],
    [3, 'random:1:3x2'],
  ] as const)
    await train({
      data: 'scenes:64x48',
      arch,
      runs: folder,
      name: `s${seed}`,
      seed,
      steps: 3,
      ...TINY_NETWORK,
      scale: seed === 2 ? 1.5 : 1,
      threads: 1,
    });
}, 60_000);

/** The mean of the softmax of networks, one after another. */
function meanByHand(names: readonly string[]): Float32Array {
  const all = names.map((name) => {
    const { forward } = openNetwork(run(name), { threads: 1 });
    return predictWithProbabilities(forward, images(), 'cpu').probabilities;
  });
  return all[0].map((_, i) => all.reduce((sum, one) => sum + one[i], 0) / all.length);
}

describe('an ensemble', () => {
  it('predicts the mean of the softmax of its members, also where they are read at other sizes', () => {
    const names = ['s1', 's2', 's3'];
    const network = openNetwork(names.map(run).join(','), { threads: 1 });
    const { ids, probabilities } = predictWithProbabilities(network.forward, images(), 'cpu');
    const byHand = meanByHand(names);
    expect(largestDifference([...probabilities], [...byHand])).toBeLessThan(1e-6);
    const pixels = ids.length;
    const largest = (i: number) =>
      Array.from({ length: byHand.length / pixels }, (_, id) => byHand[id * pixels + i]).reduce((a, b) =>
        Math.max(a, b),
      );
    ids.forEach((id, i) => {
      expect(byHand[id * pixels + i]).toBeGreaterThan(largest(i) - 1e-6);
    });
    const asList = openNetwork(names.map(run), { threads: 1 });
    expect(predictWithProbabilities(asList.forward, images(), 'cpu').probabilities).toEqual(probabilities);
  });

  it('averages over mirrored views and windows as a network does', () => {
    const names = ['s1', 's3'];
    const options = { scales: [1], mirror: ['width'], window: { window: [32, 32], overlap: 0.5 } } as const;
    const of = (runs: string) => {
      const { forward } = openNetwork(runs, { threads: 1 });
      return predictWithProbabilities(forward, images(), 'cpu', options).probabilities;
    };
    const single = names.map((name) => of(run(name)));
    const byHand = single[0].map((value, i) => (value + single[1][i]) / 2);
    expect(largestDifference([...of(names.map(run).join(','))], [...byHand])).toBeLessThan(1e-6);
  });

  it('has finite logits where every member is certain, and is the network itself where it is one', () => {
    const certain = () => op.scale(op.softmax(op.flip(images(), [1]), 1), 1e4);
    const logits = scope(() => meanOfNetworks([certain, certain])(images()).numbers());
    expect(logits.every(Number.isFinite)).toBe(true);
    expect(logits.reduce((a, b) => Math.min(a, b))).toBeCloseTo(Math.log(LEAST_PROBABILITY), 3);
    expect(meanOfNetworks([certain])).toBe(certain);
  });

  it('is scored in the folder of its first run, which says whose mean it is', async () => {
    const { evaluation, scores, warnings } = await evaluate({ run: `${run('s1')},${run('s3')}`, threads: 1 });
    expect(scores.miou).toBeGreaterThan(0);
    expect(warnings).toEqual([]);
    expect(evaluation.path).toBe(join(run('s1'), 'evaluations', 'scenes-val-mean-of-2'));
    const [listed] = listEvaluations(openRunFolder(run('s1')));
    expect(listed.runs).toEqual([run('s1'), run('s3')]);
    expect(describeEvaluation(listed)).toMatch(/^best weights; mean of 2 networks/);
    expect(listEvaluations(openRunFolder(run('s3')))).toEqual([]);
  }, 60_000);

  it('says when samples were trained on by a further run', async () => {
    const other = join(temporaryFolder(), 'other');
    cpSync(run('s3'), other, { recursive: true });
    const split = JSON.parse(readFileSync(join(other, 'split.json'), 'utf8'));
    // As a fold of its own: what the first run validates on is trained on here.
    writeFileSync(
      join(other, 'split.json'),
      JSON.stringify({ ...split, splits: { train: split.splits.val, val: split.splits.train } }),
    );
    const { warnings } = await evaluate({ run: `${run('s1')},${other}`, threads: 1, name: 'mixed' });
    expect(warnings).toEqual([expect.stringMatching(/^80 of 80 samples were trained on by .*other: scores on them/)]);
  }, 60_000);

  it.each(['logits', 'softmax', 'argmax'] as const)(
    'is one ONNX file that gives %s',
    async (result) => {
      const file = join(folder, `${result}.onnx`);
      const runs = ['s1', 's2', 's3'].map(run).join(',');
      const { parity, metadata } = await exportNetwork({ run: runs, output: file, result, threads: 1 });
      expect(parity.agreement).toBeGreaterThan(0.999);
      expect(metadata.architecture).toBeUndefined();
      const model = await openModel(file, { threads: 1 });
      const { ids } = await model.segment({ width: 64, height: 48, data: SCENE.image });
      const engine = predictWithProbabilities(openNetwork(runs, { threads: 1 }).forward, images(), 'cpu');
      const equal = ids.filter((id, i) => id === engine.ids[i]).length;
      expect(equal / ids.length).toBeGreaterThan(0.999);
      await model.release();
    },
    60_000,
  );
});

describe('runs that make no ensemble', () => {
  it('are listed with what differs', () => {
    const other = join(temporaryFolder(), 'other');
    cpSync(run('s1'), other, { recursive: true });
    const description = JSON.parse(readFileSync(join(other, 'network.json'), 'utf8'));
    description.classes[0].name = 'heaven';
    writeFileSync(join(other, 'network.json'), JSON.stringify(description));
    expect(() => openNetwork(`${run('s1')},${other}`)).toThrow(
      /s1 and .*other differ: classes \["sky",.*\] and \["heaven",.*; an ensemble takes runs of the same classes/,
    );
  });

  it('are named', async () => {
    expect(runsOf('a')).toEqual(['a']);
    expect(runsOf('a, b')).toEqual(['a', 'b']);
    expect(() => runsOf('a,')).toThrow(/expected a folder on both sides of every comma, got "a,"/);
    expect(() => runsOf('a,./a')).toThrow(/expected different runs, got .\/a twice/);
    expect(() => runsOf(Array.from({ length: 65 }, (_, i) => `r${i}`).join(','))).toThrow(/at most 64 runs, got 65/);
    expect(() => openNetwork([])).toThrow(/expected a folder on both sides/);
    const odd = join(temporaryFolder(), 'a,b');
    mkdirSync(odd);
    expect(runsOf(odd)).toEqual([odd]);
  });
});
