import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/base/random.ts';
import { openDataSet } from '../../../src/data/detect.ts';
import type { LabelledImage } from '../../../src/data/types.ts';
import { differences, haveAnUp } from '../../../src/jobs/ladder/upright.ts';
import { hasRealData, realData } from '../../data/realData.ts';

/** A picture of noise whose upper half may be of another class and brighter. */
function picture(width: number, height: number, { classes = 0, light = 0 } = {}): LabelledImage<Uint8Array> {
  const random = createRandom(width * height);
  const upper = (i: number) => Math.floor(i / width) < height / 2;
  const label = Uint8Array.from({ length: width * height }, (_, i) =>
    upper(i) && random.uniform() < classes ? 1 : random.integer(2),
  );
  const image = Uint8Array.from({ length: 3 * width * height }, (_, i) =>
    Math.min(255, random.integer(200) + (upper(Math.floor(i / 3)) ? light : 0)),
  );
  return { width, height, image, label };
}

describe('an up', () => {
  it('shows in classes or in brightness; what does not count is left out', () => {
    // Class 0, class 1, brightness: top minus bottom, then the two against left and right.
    const plain = differences(picture(200, 120), 2);
    for (const value of plain) expect(Math.abs(value)).toBeLessThan(0.02);
    const [, high, light] = differences(picture(200, 120, { classes: 0.8 }), 2);
    expect(high).toBeCloseTo(0.4, 1);
    expect(Math.abs(light)).toBeLessThan(0.01);
    expect(differences(picture(200, 120, { light: 51 }), 2)[2]).toBeCloseTo(0.2, 1);
    const { label, ...rest } = picture(200, 120, { classes: 0.8 });
    const ignored = label.map((value, i) => (value === 1 && i % 2 === 0 ? 255 : value));
    expect(differences({ ...rest, label: ignored }, 2, 255).every(Number.isFinite)).toBe(true);
  });

  it.skipIf(!hasRealData).each([
    ['camvid', true],
    ['vessels/drive', false],
    ['nuclei', false],
  ])('in %s: %s', async (name, expected) => {
    const dataset = await openDataSet(realData(name));
    if (dataset.rank !== 2) throw new Error('expected images');
    const { train } = dataset.splits;
    const every = Math.max(1, Math.floor(train.length / 24));
    const samples = train.filter((_, i) => i % every === 0).slice(0, 24);
    expect(await haveAnUp(dataset, samples)).toBe(expected);
    // Of a few nothing can be said.
    expect(await haveAnUp(dataset, samples.slice(0, 5))).toBe(true);
  });
});
