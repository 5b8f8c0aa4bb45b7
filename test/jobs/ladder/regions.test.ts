/** @file What a race takes of data with regions: a recipe, judgements between rungs and counts for the verdict, all of them by region. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataSet } from '../../../src/data/detect.ts';
import { toRegions } from '../../../src/data/regions/regions.ts';
import { loadSample } from '../../../src/data/sample.ts';
import type { DataSet } from '../../../src/data/types.ts';
import * as op from '../../../src/engine/operators.ts';
import { fromArray, type Tensor } from '../../../src/engine/tensor.ts';
import { countSamples } from '../../../src/jobs/ladder/counts.ts';
import { judgeNetwork } from '../../../src/jobs/ladder/judgement.ts';
import { deriveRecipe } from '../../../src/jobs/ladder/recipe.ts';
import { createLoss, trainSettings } from '../../../src/jobs/settings.ts';
import { scoreOf } from '../../../src/ladder/statistics.ts';
import type { Network } from '../../../src/models/network.ts';
import { parseConfig } from '../../../src/run/config/config.ts';
import { settings } from '../../../src/run/config/presets.ts';
import { writeCells, writeTumours } from '../../helpers/regionSets.ts';
import { sharedFolder } from '../../helpers/temporaryFolder.ts';

const root = sharedFolder();
writeCells(join(root, 'cells'), { train: 6, val: 2 });
writeTumours(join(root, 'tumours'), 5);

/** Logits that say of every pixel whether its first channel is above each of three levels. */
const above = (levels: readonly number[]) => (images: Tensor) => {
  const [batch, , ...size] = images.shape;
  const first = op.slice(images, 1, 0, 1);
  const bounds = fromArray(levels, [1, levels.length, ...size.map(() => 1)]);
  return op.scale(op.subtract(op.expand(first, [batch, levels.length, ...size]), bounds), 50);
};

/** Levels between what the shells of `writeCells` look like, in [-1, 1]. */
const SHELLS = [45, 105, 165].map((level) => level / 127.5 - 1);

const judge = async (dataset: DataSet, levels: readonly number[]) => {
  const config = parseConfig(settings.train, [
    { data: 'none', arch: 'unet', crop: dataset.rank === 2 ? 32 : 16, batch: 2 },
  ]);
  const loss = await createLoss(dataset, config, 'cpu');
  return judgeNetwork(above(levels), dataset, trainSettings(config, dataset.rank), 'cpu', loss);
};

const counts = (dataset: DataSet, levels: readonly number[]) =>
  countSamples({
    network: { forward: above(levels) } as unknown as Network,
    dataset,
    samples: dataset.splits.val,
    groupOf: (id) => id,
    reduction: 1,
    device: 'cpu',
  });

describe('a race of regions', () => {
  it('of images is judged by their mean IoU: all right is 1, and one wrong region costs its share', async () => {
    const dataset = await openDataSet(join(root, 'cells'));
    const right = await judge(dataset, SHELLS);
    expect(right.score).toBe(1);
    expect(right.loss).toBeLessThan(0.1);
    const wrong = await judge(dataset, [SHELLS[0], SHELLS[1], 2]);
    expect(wrong.score).toBeCloseTo(2 / 3, 12);
    expect(wrong.loss).toBeGreaterThan(right.loss);
    const [one] = await counts(dataset, SHELLS);
    if (dataset.rank !== 2) throw new Error('expected images');
    const { label } = await loadSample(dataset, dataset.splits.val[0]);
    const masks = toRegions(label, dataset.regions!);
    const sizes = [0, 1, 2].map((r) =>
      masks.subarray(r * label.length, (r + 1) * label.length).reduce((a, b) => a + b),
    );
    expect(one).toMatchObject({ hits: sizes, labelled: sizes, predicted: sizes });
    expect(scoreOf(await counts(dataset, [SHELLS[0], SHELLS[1], 2]), 'miou')).toBeCloseTo(2 / 3, 12);
  });

  it('of volumes by their mean Dice, and no background is among them', async () => {
    const dataset = await openDataSet(join(root, 'tumours'));
    if (dataset.rank !== 3) throw new Error('expected volumes');
    const plain: DataSet = {
      ...dataset,
      preparation: { spacingMm: null, cropForeground: false, normalisation: [{ kind: 'none' }, { kind: 'none' }] },
    };
    const levels = [0.6, 1.6, 2.6];
    expect((await judge(plain, levels)).score).toBe(1);
    expect((await judge(plain, [0.6, 1.6, 9])).score).toBeCloseTo(2 / 3, 12);
    const all = await counts(plain, [0.6, 1.6, 9]);
    for (const { hits, labelled } of all) expect([hits.length, hits[0], labelled[0], hits[3]]).toEqual([4, 0, 0, 0]);
    expect(scoreOf(all, 'dice')).toBeCloseTo(2 / 3, 12);
  });

  it('weights no region: Dice does', async () => {
    const { recipe, reasons } = await deriveRecipe(await openDataSet(join(root, 'cells')));
    expect(recipe.classWeights).toBe('none');
    expect(reasons.join()).toContain('regions: Dice + binary cross-entropy, each of them alike');
    expect((await deriveRecipe(await openDataSet(join(root, 'tumours')))).reasons[0]).toContain(
      'Dice + binary cross-entropy',
    );
  });
});
