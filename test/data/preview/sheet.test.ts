/** @file The sheet of a preview: what it holds for images and for volumes, with classes that are shown, hidden and ignored. */
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { openDataSet } from '../../../src/data/detect.ts';
import { encodePng } from '../../../src/data/images/png.ts';
import { exampleOf } from '../../../src/data/preview/example.ts';
import { drawSheet } from '../../../src/data/preview/sheet.ts';
import { mask, writeFiles } from '../../helpers/imageSets.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';

describe('a preview', () => {
  it('shows classes in their colours, the background as it is, and what does not count in grey', async () => {
    const root = temporaryFolder();
    const image = encodePng({ width: 3, height: 1, channels: 3, data: new Uint8Array(9).fill(100) });
    for (const name of ['a', 'b'])
      writeFiles(root, { [`images/${name}.png`]: image, [`masks/${name}.png`]: mask(0, 1, 255) });
    writeFiles(root, { 'data.yaml': 'classes: [background, disc]\n' });
    const dataset = await openDataSet(root);
    const example = await exampleOf(dataset, dataset.splits.train[0], 30);
    expect([example.width, example.height]).toEqual([30, 10]);
    const pixel = (x: number) => [...example.overlay.subarray(3 * (5 * 30 + x), 3 * (5 * 30 + x) + 3)];
    // Black is no colour to show; the first column of an area is its outline, in full colour.
    expect([5, 10, 15, 25].map(pixel)).toEqual([
      [100, 100, 100],
      [86, 180, 233],
      [93, 140, 167],
      [150, 150, 150],
    ]);
    expect([...example.counts]).toEqual([1, 1, 1]);
  });

  it.each(['scenes:64x48', 'phantoms:16x16x16'])('of %s is one PNG that is as high as its rows', async (name) => {
    const dataset = await openDataSet(name);
    const examples = [];
    for (const sample of dataset.splits.train.slice(0, 3))
      examples.push({ ...(await exampleOf(dataset, sample, 100)), split: 'train' });
    const sheet = await sharp(await drawSheet(dataset, examples)).metadata();
    expect(sheet.format).toBe('png');
    expect(sheet.width).toBeGreaterThan(700);
    const rows = [examples.slice(0, 2), examples.slice(2)].map((row) => Math.max(...row.map(({ height }) => height)));
    expect(sheet.height).toBeGreaterThanOrEqual(rows[0] + rows[1]);
    for (const { image, overlay, width, height } of examples) {
      expect([image.length, overlay.length]).toEqual([3 * width * height, 3 * width * height]);
      expect(overlay).not.toEqual(image);
    }
  });
});
