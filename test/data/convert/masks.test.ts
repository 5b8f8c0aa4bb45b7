/** @file Data sets written as masks: they open again to the same labels, classes, split and groups, whatever layout they had. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { convertToMasks, countConverted } from '../../../src/data/convert/masks.ts';
import { openDataSet } from '../../../src/data/detect.ts';
import { encodePng } from '../../../src/data/images/png.ts';
import { loadSample } from '../../../src/data/sample.ts';
import type { ImageSet } from '../../../src/data/types.ts';
import { ANNOTATED, annotate } from '../../helpers/annotations.ts';
import { IMAGE, mask, writeFiles } from '../../helpers/imageSets.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';

async function openImages(path: string): Promise<ImageSet> {
  const dataset = await openDataSet(path);
  if (dataset.rank !== 2) throw new Error('expected images');
  return dataset;
}

async function convert(dataset: ImageSet): Promise<ImageSet> {
  const root = temporaryFolder();
  let done = 0;
  for await (const file of convertToMasks(dataset, (count) => {
    done = count;
  })) {
    mkdirSync(dirname(join(root, file.path)), { recursive: true });
    if ('bytes' in file) writeFileSync(join(root, file.path), file.bytes);
    else copyFileSync(file.copyOf, join(root, file.path));
  }
  expect(done).toBe(countConverted(dataset));
  return openImages(root);
}

/** What must be the same: classes, and the labels of every sample of every part. */
async function contentOf({ splits, extra, groups, ...dataset }: ImageSet) {
  const parts: Record<string, Record<string, number[]>> = {};
  for (const [part, samples] of Object.entries({ ...splits, ...extra })) {
    parts[part] = {};
    for (const sample of samples)
      parts[part][sample.id.replace(/^(train|val|test)\//, '')] = [...(await loadSample(dataset, sample)).label];
  }
  return { classes: dataset.classes, parts, groups };
}

async function expectSame(files: Record<string, string | Uint8Array>): Promise<ImageSet> {
  const root = temporaryFolder();
  writeFiles(root, files);
  const dataset = await openImages(root);
  const converted = await convert(dataset);
  expect(await contentOf(converted)).toEqual(await contentOf(dataset));
  expect([converted.layout, converted.classesFrom]).toEqual(['folder', 'data.yaml']);
  return converted;
}

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

describe('conversion to masks', () => {
  it.each(ANNOTATED)('keeps what %s says', async (tool) => {
    await expectSame({
      ...Object.fromEntries(names.map((name) => [`images/${name}.png`, IMAGE])),
      ...annotate(tool, names, '.png'),
    });
  });

  it('keeps masks in colours, ignored pixels and names that YAML would misread', async () => {
    const red = encodePng({ width: 2, height: 1, channels: 3, data: Uint8Array.of(255, 0, 0, 0, 0, 0) });
    await expectSame({
      ...Object.fromEntries(
        names.flatMap((name) => [
          [`images/${name}.png`, IMAGE],
          [`masks/${name}.png`, red],
        ]),
      ),
      'data.yaml': 'classes: ["no", "a: b"]\ncolours: [[0, 0, 0], [255, 0, 0]]\n',
    });
    await expectSame({
      ...Object.fromEntries(
        names.flatMap((name) => [
          [`images/${name}.png`, IMAGE],
          [`masks/${name}.png`, mask(7, 3)],
        ]),
      ),
      'data.yaml': 'classes: {7: road, 9: tree}\nignore: 3\n',
    });
  });

  it('keeps the parts of data with a split, and the groups of data without', async () => {
    const parts = await expectSame({
      ...Object.fromEntries(
        ['train', 'val', 'test'].flatMap((part) => [
          [`${part}/images/x.png`, IMAGE],
          [`${part}/masks/x_mask.png`, mask(0, 1)],
        ]),
      ),
    });
    expect(Object.keys(parts.extra ?? {})).toEqual(['test']);
    await expectSame({
      ...Object.fromEntries(
        names.flatMap((name) => [
          [`images/${name}.png`, IMAGE],
          [`masks/${name}.png`, mask(0, 1)],
        ]),
      ),
      'groups.csv': `file,group\n${names.map((name, i) => `${name}.png,"p,${i >> 1}"`).join('\n')}\n`,
      'data.yaml': 'classes: [ground, disc]\n',
    });
  });

  it('keeps masks of images that are turned by their EXIF orientation', async () => {
    const pixels = Uint8Array.from({ length: 18 }, (_, i) => 10 * i);
    for (const [width, height] of [
      [3, 2],
      [2, 2],
    ]) {
      const label = encodePng({
        width,
        height,
        channels: 1,
        data: Uint8Array.from({ length: width * height }, (_, i) => i % 3),
      });
      const images = await Promise.all(
        [1, 2, 3, 4, 5, 6, 7, 8].map((orientation) =>
          sharp(pixels.slice(0, 3 * width * height), { raw: { width, height, channels: 3 } })
            .withMetadata({ orientation })
            .png()
            .toBuffer(),
        ),
      );
      await expectSame(
        Object.fromEntries(
          images.flatMap((image, i) => [
            [`images/${names[i]}.png`, image],
            [`masks/${names[i]}.png`, label],
          ]),
        ),
      );
    }
  });

  it('writes the embedded scenes', async () => {
    const dataset = await openImages('scenes:32x32');
    const few = {
      ...dataset,
      splits: { train: dataset.splits.train.slice(0, 2), val: dataset.splits.val.slice(0, 1) },
    };
    expect(await contentOf(await convert(few))).toEqual(await contentOf(few));
  });
});
