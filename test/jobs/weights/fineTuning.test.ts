/** @file What a training leaves as it is, and what it trains more slowly. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { train } from '../../../src/index.ts';
import { loadWeights } from '../../../src/jobs/network.ts';
import { frozenStages, learningRates } from '../../../src/jobs/weights/fineTuning.ts';
import { buildArchitecture } from '../../../src/models/architecture.ts';
import { findArchitecture } from '../../../src/models/registry.ts';
import { loadCheckpoint } from '../../../src/run/checkpoint.ts';
import { openRunFolder } from '../../../src/run/folder.ts';
import { writeSceneFolder } from '../../helpers/scenes.ts';
import { sharedFolder } from '../../helpers/temporaryFolder.ts';
import { TINY_NETWORK } from '../../helpers/tinyRuns.ts';

const graph = buildArchitecture(findArchitecture('deeplabv3')!, { inputs: 3, classes: 2, filters: 4 });
const runs = sharedFolder();
const data = join(runs, 'own');
writeSceneFolder(data);
const common = { data, runs, ...TINY_NETWORK, arch: 'deeplabv3', filters: 4, threads: 1 } as const;

describe('freeze', () => {
  it('names stages that exist, and leaves one', () => {
    const frozen = (...freeze: string[]) => [...frozenStages({ freeze, from: 'run' }, graph)];
    expect(frozen('stage1', 'stem')).toEqual(['stage1', 'stem']);
    expect(frozen('encoder', 'aspp')).toEqual(['stem', 'stage1', 'stage2', 'stage3', 'stage4', 'aspp']);
    expect(() => frozen('stage5')).toThrow(
      /no stage "stage5"; its stages are stem, stage1, .*; encoder stands for those before the head$/,
    );
    expect(() => frozen('encoder', 'aspp', 'decoder', 'classifier')).toThrow(/all stages of the network are named/);
    expect(() => frozenStages({ freeze: ['stem'] }, graph)).toThrow(/freeze without from/);
  });

  it('keeps weights and norm statistics to the bit, in the averaged weights up to rounding', {
    timeout: 60_000,
  }, async () => {
    const first = await train({ ...common, name: 'first', steps: 2 });
    const second = await train({
      ...{ ...common, name: 'second', steps: 3, from: first.run, freeze: ['stem', 'stage1', 'stage2', 'stage3'] },
      ...{ ema: 0.5, learningRate: 0.1 },
    });
    const before = loadWeights(openRunFolder(first.run), 'best').tensors;
    const { last } = openRunFolder(second.run);
    const after = loadCheckpoint(last).tensors;
    const names = Object.keys(before).filter((name) => name.startsWith('network.'));
    for (const name of names) {
      const isFrozen = /^network\.(stem|stage[123])\./.test(name);
      expect(Buffer.compare(before[name].data, after[name].data) === 0, name).toBe(isFrozen);
      if (!isFrozen) continue;
      const [own, averaged] = [before[name], after[name.replace('network.', 'average.')]].map(
        ({ data }) => new Float32Array(Uint8Array.from(data).buffer),
      );
      own.forEach((value, i) => {
        expect(Math.abs(value - averaged[i]), name).toBeLessThanOrEqual(1e-6 * Math.abs(value));
      });
    }
    expect(Object.keys(after).some((name) => name.startsWith('optimiser.stem'))).toBe(false);
  });
});

describe('learning rates', () => {
  it('fall with the distance to the head', () => {
    const rateOf = learningRates({ encoderRate: 0.1, layerDecay: 0.5 }, graph)!;
    expect(rateOf('classifier.logits.weight')).toBe(1);
    expect(rateOf('stage4.block1.see.convolution.weight')).toBeCloseTo(0.05, 12);
    expect(rateOf('stem.0.norm.bias')).toBeCloseTo(0.1 * 0.5 ** 5, 12);
    expect(learningRates({ encoderRate: 1, layerDecay: 1 }, graph)).toBeUndefined();
  });

  it('leave the encoder nearly where it was, when it has next to none', { timeout: 60_000 }, async () => {
    const { run } = await train({ ...common, name: 'slow', steps: 2, decay: 0, encoderRate: 1e-12, learningRate: 0.1 });
    const fresh = await train({ ...common, name: 'none', steps: 1, decay: 0, learningRate: 1e-12 });
    const [slow, none] = [run, fresh.run].map((path) => loadCheckpoint(openRunFolder(path).last).tensors);
    const same = (name: string) => Buffer.compare(slow[name].data, none[name].data) === 0;
    expect(same('network.stage2.block1.see.convolution.weight')).toBe(true);
    expect(same('network.classifier.logits.weight')).toBe(false);
  });
});
