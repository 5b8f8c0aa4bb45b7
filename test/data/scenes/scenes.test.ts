/** @file The embedded scenes: the same by seed, every class present, objects over a wide range of sizes. */
import { describe, expect, it } from 'vitest';
import { openDataSet } from '../../../src/data/detect.ts';
import { loadSample } from '../../../src/data/sample.ts';
import { SCENE_CLASSES } from '../../../src/data/scenes/classes.ts';
import { paintScene } from '../../../src/data/scenes/scenes.ts';

describe('scenes', () => {
  it('depend on the seed alone', () => {
    expect(paintScene(7, 96, 80)).toEqual(paintScene(7, 96, 80));
    expect(paintScene(7, 96, 80).image).not.toEqual(paintScene(8, 96, 80).image);
  });

  it('hold every class, none of them most of the pixels', () => {
    const shares = new Float64Array(SCENE_CLASSES.length);
    for (let seed = 0; seed < 40; seed++)
      for (const id of paintScene(seed, 96, 80).label) shares[id] += 1 / (40 * 96 * 80);
    for (const share of shares) expect(share).toBeGreaterThan(0.005);
    for (const share of shares) expect(share).toBeLessThan(0.55);
  });

  it('open by name, with a size', async () => {
    const dataset = await openDataSet('scenes:64x48');
    const ids = [...dataset.splits.train, ...dataset.splits.val].map((sample) => sample.id);
    expect(new Set(ids).size).toBe(480);
    const picture = await loadSample(dataset, dataset.splits.val[0]);
    expect([picture.width, picture.height]).toEqual([64, 48]);
    await expect(openDataSet('scenes:9x9')).rejects.toThrow(/expected scenes or scenes:<width>x<height>/);
  });
});
