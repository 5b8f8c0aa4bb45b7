/** @file Several masks for an image: of instances and of classes, in every arrangement of folders; masks as GIF, and those of DRIVE. */
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { openDataSet } from '../../../src/data/detect.ts';
import { decodeImage } from '../../../src/data/images/image.ts';
import { decodeLabels } from '../../../src/data/images/labels.ts';
import { loadSample } from '../../../src/data/sample.ts';
import { fileSizes } from '../../../src/data/sampleFiles.ts';
import type { DataSet, Sample } from '../../../src/data/types.ts';
import { IMAGE, mask, writeFiles } from '../../helpers/imageSets.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';

type Files = Record<string, string | Uint8Array>;

async function open(files: Files): Promise<DataSet & { rank: 2 }> {
  const root = temporaryFolder();
  writeFiles(root, files);
  const dataset = await openDataSet(root);
  if (dataset.rank !== 2) throw new Error('expected images');
  return dataset;
}

const samples = ({ splits }: DataSet): Sample[] =>
  [...splits.train, ...splits.val].sort((a, b) => (a.id < b.id ? -1 : 1));
const namesOf = ({ classes }: DataSet): string[] => classes.map(({ name }) => name);
const labels = async (dataset: DataSet & { rank: 2 }): Promise<number[][]> =>
  Promise.all(samples(dataset).map(async (sample) => [...(await loadSample(dataset, sample)).label]));

/** A grey GIF of 2 x 1 pixels. */
const gif = (...values: number[]): Promise<Buffer> =>
  sharp(Uint8Array.from(values.flatMap((value) => [value, value, value])), {
    raw: { width: values.length, height: 1, channels: 3 },
  })
    .gif()
    .toBuffer();

describe('masks of instances', () => {
  it('lie in folders of their images, as in the Data Science Bowl 2018', async () => {
    const files: Files = {
      'ab1/images/ab1.png': IMAGE,
      'ab1/masks/0f.png': mask(255, 0),
      'ab1/masks/1f.png': mask(0, 255),
      'cd2/images/cd2.png': IMAGE,
      'cd2/masks/2f.png': mask(255, 0),
    };
    const dataset = await open(files);
    expect([dataset.layout, dataset.classesFrom, ...namesOf(dataset)]).toEqual([
      ...['mask-folders', 'the names of the masks', 'background', 'object'],
    ]);
    expect(samples(dataset).map(({ id }) => id)).toEqual(['ab1', 'cd2']);
    expect(await labels(dataset)).toEqual([
      [1, 1],
      [1, 0],
    ]);
    const named = await open({ ...files, 'data.yaml': 'classes: [background, nucleus]\n' });
    expect(namesOf(named)).toEqual(['background', 'nucleus']);
    expect(await labels(named)).toEqual(await labels(dataset));
    await expect(open({ ...files, 'data.yaml': 'classes: [background, nucleus, rim]\n' })).rejects.toThrow(
      /its masks are of instances, and data.yaml names 2 classes: nucleus, rim; name the files by their classes/,
    );
  });

  it('lie in a folder for each image, where numbers are no classes', async () => {
    const dataset = await open({
      ...Object.fromEntries(
        ['train', 'val'].flatMap((part) => [1, 2].map((n) => [`masks/${part}/x/${n}.png`, mask(0, n)])),
      ),
      ...Object.fromEntries(['train', 'val'].map((part) => [`images/${part}/x.jpg`, IMAGE])),
    });
    expect([...namesOf(dataset), dataset.splits.train.length, dataset.splits.val.length]).toEqual([
      ...['background', 'object', 1, 1],
    ]);
    expect(await labels(dataset)).toEqual([
      [0, 1],
      [0, 1],
    ]);
  });

  it('change the recorded size of a sample when a mask file does', async () => {
    const files = (own: Uint8Array): Files => ({
      ...Object.fromEntries(['a', 'b'].map((name) => [`images/${name}.png`, IMAGE])),
      ...{ 'masks/a/1.png': own, 'masks/b/1.png': mask(0, 1) },
    });
    const [small, large] = [
      await open(files(mask(0, 1))),
      await open(files(Buffer.concat([mask(0, 1), Buffer.alloc(9)]))),
    ];
    const sizes = (dataset: DataSet) => samples(dataset).map((sample) => fileSizes(sample).at(-1));
    expect(sizes(large)[0]).toBe((sizes(small)[0] as number) + 9);
    expect(sizes(large)[1]).toBe(sizes(small)[1]);
  });
});

describe('masks of classes', () => {
  it.each<[string, (image: string, label: string) => string]>([
    ['in a folder for each image', (image, label) => `masks/${image}/${label}.png`],
    ['in a folder for each image, with its name', (image, label) => `masks/${image}/${image}_${label}.png`],
    ['in a folder for each class', (image, label) => `masks/${label}/${image}.png`],
  ])('are named %s; the smaller lies on top', async (_, place) => {
    const dataset = await open({
      ...Object.fromEntries(['a', 'b'].map((name) => [`images/${name}.png`, IMAGE])),
      [place('a', 'road')]: mask(255, 255),
      [place('a', 'car')]: mask(0, 255),
      [place('b', 'road')]: mask(255, 0),
      [place('b', 'car')]: mask(0, 0),
    });
    expect([dataset.layout, ...namesOf(dataset)]).toEqual(['mask-folders', 'background', 'car', 'road']);
    expect(await labels(dataset)).toEqual([
      [2, 1],
      [2, 0],
    ]);
  });

  it('are refused where one has another size', async () => {
    const dataset = await open({
      ...Object.fromEntries(['a', 'b'].map((name) => [`images/${name}.png`, IMAGE])),
      ...{ 'masks/a/1.png': mask(0, 1, 1), 'masks/b/1.png': mask(0, 1) },
    });
    await expect(labels(dataset)).rejects.toThrow(/1.png: is 3x1, its image 2x1/);
  });
});

describe('folders of another kind', () => {
  it('are read as before: cities below images/ and masks/', async () => {
    const files = ['aachen/x', 'bonn/y'].flatMap((name) => [
      [`images/${name}.png`, IMAGE],
      [`masks/${name}.png`, mask(0, 1)],
    ]);
    expect((await open(Object.fromEntries(files))).layout).toBe('folder');
  });
});

describe('masks as GIF', () => {
  it('are read by their greys, also under the names of DRIVE', async () => {
    const plain = await open({
      ...{ 'images/a.png': IMAGE, 'images/b.png': IMAGE },
      ...{ 'masks/a.gif': await gif(0, 1), 'masks/b_mask.GIF': await gif(1, 0) },
    });
    expect(await labels(plain)).toEqual([
      [0, 1],
      [1, 0],
    ]);
    const drive = await open({
      ...Object.fromEntries([21, 22].map((n) => [`training/images/${n}_training.tif`, IMAGE])),
      ...Object.fromEntries(
        await Promise.all([21, 22].map(async (n) => [`training/mask/${n}_training_mask.gif`, await gif(255, 255)])),
      ),
      ...Object.fromEntries(
        await Promise.all([21, 22].map(async (n) => [`training/1st_manual/${n}_manual1.gif`, await gif(0, 255)])),
      ),
    });
    expect(namesOf(drive)).toEqual(['background', 'object']);
    expect(await labels(drive)).toEqual([
      [0, 1],
      [0, 1],
    ]);
  });

  it('are refused where they move or are damaged', async () => {
    const frames = { width: 2, height: 2, channels: 3, pageHeight: 1 } as const;
    const moving = await sharp(Buffer.from([0, 0, 0, 0, 0, 0, 255, 255, 255, 0, 0, 0]), { raw: frames })
      .gif({ delay: [100, 100] })
      .toBuffer();
    await expect(decodeLabels(moving, 'a.gif')).rejects.toThrow(/a.gif: expected labels of one frame, got 2/);
    const whole = await gif(0, 1);
    await expect(decodeLabels(whole.subarray(0, 15), 'a.gif')).rejects.toThrow(/a.gif: cannot be decoded/);
    await expect(decodeImage(whole, 'a.png')).rejects.toThrow(/a.png: is no PNG, JPEG, WebP or TIFF/);
  });
});

it('has masks beside the image, as x_mask', async () => {
  const dataset = await open({
    ...{ [join('a.png')]: IMAGE, 'a_mask.png': mask(0, 1), 'b.png': IMAGE, 'b_mask.png': mask(1, 0) },
  });
  expect(dataset.layout).toBe('folder');
  expect(await labels(dataset)).toEqual([
    [0, 1],
    [1, 0],
  ]);
});
