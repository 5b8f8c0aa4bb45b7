/**
 * @file What holds for every layout, by a loop over them: a file is never its own partner, own classes in a `data.yaml` are used, the folder and
 * its file mean the same, and every kind of image is read by training, check and predictions alike. A new layout is one more row.
 */
import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../../src/base/errors.ts';
import { findImages } from '../../../src/cli/inputs.ts';
import { checkDataSet } from '../../../src/data/check/check.ts';
import { describeDataSet } from '../../../src/data/describe.ts';
import { LAYOUTS, openDataSet } from '../../../src/data/detect.ts';
import { IMAGE_ENDINGS } from '../../../src/data/images/endings.ts';
import { createNiftiHeader, encodeNifti } from '../../../src/data/nifti/encode.ts';
import { loadSample } from '../../../src/data/sample.ts';
import { ANNOTATED, annotate } from '../../helpers/annotations.ts';
import { IMAGE, mask, writeFiles } from '../../helpers/imageSets.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';

type Files = Record<string, string | Uint8Array>;

const volume = encodeNifti(
  createNiftiHeader({
    shape: [2, 2, 2],
    affine: [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [0, 0, 0, 1],
    ],
    type: 'uint8',
  }),
  Uint8Array.of(0, 1, 0, 1, 0, 1, 0, 1),
);
const cases = ['a', 'b', 'c', 'd', 'e'];
// Images and labels come from two file systems, which give an umlaut in two forms.
const volumes = (ending: string): Files =>
  Object.fromEntries(
    cases.flatMap((name) => [
      [`imagesTr/ü${name}${ending}.nii.gz`.normalize('NFD'), volume],
      [`labelsTr/ü${name}.nii.gz`.normalize('NFC'), volume],
    ]),
  );

/** For each layout the files of two samples or more; `ending` is that of the images, where the layout leaves it open. */
const SETS: Record<string, (ending: string, image: Uint8Array) => Files> = {
  cityscapes: (ending, image) =>
    Object.fromEntries(
      ['train', 'val'].flatMap((split) => [
        [`leftImg8bit/${split}/bonn/bonn_000000_000001_leftImg8bit${ending}`, image],
        [`gtFine/${split}/bonn/bonn_000000_000001_gtFine_labelIds.png`, mask(0, 1)],
      ]),
    ),
  voc: (ending, image) => ({
    [`JPEGImages/2007_000001${ending}`]: image,
    [`JPEGImages/2007_000002${ending}`]: image,
    'SegmentationClass/2007_000001.png': mask(0, 1),
    'SegmentationClass/2007_000002.png': mask(0, 1),
    'ImageSets/Segmentation/train.txt': '2007_000001\n',
    'ImageSets/Segmentation/val.txt': '2007_000002\n',
  }),
  ade20k: (ending, image) => ({
    [`images/training/ADE_train_1${ending}`]: image,
    [`images/validation/ADE_val_1${ending}`]: image,
    'objectInfo150.txt': 'Idx\tRatio\tTrain\tVal\tName\n1\t0.1\t1\t1\twall\n',
    'annotations/training/ADE_train_1.png': mask(0, 1),
    'annotations/validation/ADE_val_1.png': mask(0, 1),
  }),
  camvid: (ending, image) => ({
    [`train/0001TP_1${ending}`]: image,
    [`val/0001TP_2${ending}`]: image,
    'trainannot/0001TP_1.png': mask(0, 1),
    'valannot/0001TP_2.png': mask(0, 1),
  }),
  folder: (ending, image) => ({
    [`images/a${ending}`]: image,
    [`images/b${ending}`]: image,
    'masks/a.png': mask(0, 1),
    'masks/b_mask.png': mask(0, 1),
  }),
  nnunet: () => ({
    ...volumes('_0000'),
    'dataset.json': JSON.stringify({
      channel_names: { 0: 'CT' },
      labels: { background: 0, liver: 1 },
      numTraining: cases.length,
      file_ending: '.nii.gz',
    }),
  }),
  decathlon: () => ({
    ...volumes(''),
    'dataset.json': JSON.stringify({ modality: { 0: 'CT' }, labels: { 0: 'background', 1: 'liver' } }),
  }),
};
// Their annotations are made by test/helpers/annotations.ts: in each the second pixel is a disc.
for (const tool of ANNOTATED)
  SETS[tool] = (ending, image) => ({
    [`images/a${ending}`]: image,
    [`images/b${ending}`]: image,
    ...annotate(tool, ['a', 'b'], ending),
  });
SETS['mask-folders'] = (ending, image) => ({
  [`images/a${ending}`]: image,
  [`images/b${ending}`]: image,
  'masks/a/disc.png': mask(0, 255),
  'masks/b/disc.png': mask(0, 255),
});
const OF_SHAPES: readonly string[] = [...ANNOTATED, 'mask-folders'];
const OF_IMAGES = ['cityscapes', 'voc', 'ade20k', 'camvid', 'folder', ...OF_SHAPES];

/** Shapes are drawn on a background, which is a class. */
const FIRST = (name: string): string => (OF_SHAPES.includes(name) ? 'background' : 'ground');

/** For each layout whose files name others: such files, naming what lies beside the folder of the data set. */
const LEAVING: Record<string, Files[]> = {
  cityscapes: [],
  voc: [
    { 'ImageSets/Segmentation/train.txt': '../../secret\n' },
    { 'ImageSets/Segmentation/train.txt': '../secret\n' },
  ],
  ade20k: [],
  camvid: [
    { 'train.txt': '../secret.png ../secret_mask.png\n' },
    { 'train.txt': 'train/../../secret.png ../secret_mask.png\n' },
    { 'train.txt': 'train/0001TP_1.png ../secret_mask.png\n' },
    // Of an absolute path the last two parts are taken, below the folder.
    { 'train.txt': '/a/../secret.png /a/../secret_mask.png\n' },
  ],
  folder: [
    { 'data.yaml': 'train: ../others\nval: images\n' },
    { 'data.yaml': 'train: images/../../others\nval: images\n' },
    { 'data.yaml': 'train: {images: images, masks: ../others}\nval: images\n' },
    { 'data.yaml': 'masks: ../others\n' },
    { 'data.yaml': 'groups: {csv: ../secret.csv, column: patient}\n' },
  ],
  coco: [annotate('coco', ['../secret', '../../secret'], '.png')],
  cvat: [annotate('cvat', ['../secret', 'images/../../secret'], '.png')],
  'label-studio': [annotate('label-studio', ['../secret', '/data/local-files/?d=../secret'], '.png')],
  labelme: [{ 'images/secret.json': annotate('labelme', ['../secret'], '.png')['images/../secret.json'] }],
  'mask-folders': [{ 'data.yaml': 'train: ../others\nval: images\n' }, { 'data.yaml': 'masks: ../others\n' }],
  yolo: [{ 'data.yaml': 'train: ../others\nval: images\n' }, { 'data.yaml': 'masks: ../others\n' }],
  nnunet: [
    { 'splits_final.json': JSON.stringify([{ train: ['../../secret'], val: ['üa'] }]) },
    { 'splits_final.json': JSON.stringify([{ train: ['../secret'], val: ['üa'] }]) },
  ],
  decathlon: ['../secret.nii.gz', 'imagesTr/../../secret.nii.gz', '/a/../secret.nii.gz'].map((image) => ({
    'dataset.json': JSON.stringify({
      ...{ modality: { 0: 'CT' }, labels: { 0: 'background', 1: 'liver' } },
      training: [{ image, label: 'labelsTr/üa.nii.gz' }],
    }),
  })),
};

it('has a row for every layout', () => {
  expect(Object.keys(LEAVING).sort()).toEqual(LAYOUTS.map(({ name }) => name).sort());
  expect(Object.keys(SETS).sort()).toEqual(LAYOUTS.map(({ name }) => name).sort());
});

describe.each(LAYOUTS.map(({ name }) => name))('%s', (name) => {
  it('is recognised, names itself and its classes, and pairs no file with itself', async () => {
    const root = temporaryFolder();
    writeFiles(root, SETS[name]('.png', IMAGE));
    const dataset = await openDataSet(root);
    expect(dataset.layout).toBe(name);
    expect(describeDataSet(dataset)).toMatch(`layout ${name}: ${dataset.classes.length} classes from `);
    const files = Object.values(dataset.splits)
      .flat()
      .flatMap(({ source }) =>
        source.kind === 'files'
          ? // One file may hold the shapes of several images.
            [source.image, source.drawn === undefined ? source.label : `${source.label} of ${source.image}`]
          : source.kind === 'volume'
            ? [...source.images, source.label]
            : [],
      );
    expect(files.length).toBeGreaterThan(3);
    expect(new Set(files).size).toBe(files.length);
    expect(dataset.notes).toBeUndefined();
  });

  it('names no file outside its folder', async () => {
    for (const files of LEAVING[name]) {
      const parent = temporaryFolder();
      const root = join(parent, 'set');
      writeFiles(parent, {
        'secret.png': IMAGE,
        'secret_mask.png': mask(0, 1),
        'others/a.png': mask(0, 1),
        'others/b.png': mask(0, 1),
        'secret.nii.gz': volume,
        'secret.csv': 'file,patient\na,1\nb,2\n',
      });
      writeFiles(root, { ...SETS[name]('.png', IMAGE), ...files });
      const said = JSON.stringify(files);
      const refusal = await openDataSet(root).then(
        () => new Error(`opened ${said}`),
        (error: unknown) => error as Error,
      );
      expect(refusal, said).toBeInstanceOf(DataError);
      expect(refusal.message, said).toMatch(/secret|others/);
    }
  });

  it('follows symbolic links of files and folders, as data on another disk have them', async () => {
    const [disk, root] = [temporaryFolder(), join(temporaryFolder(), 'set')];
    const files = SETS[name]('.png', IMAGE);
    writeFiles(disk, files);
    const linked = join(dirname(root), 'linked');
    mkdirSync(linked);
    for (const folder of new Set(Object.keys(files).map((file) => file.split('/')[0])))
      symlinkSync(join(disk, folder), join(linked, folder));
    for (const file of Object.keys(files)) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      symlinkSync(resolve(disk, file), join(root, file));
    }
    const plain = await openDataSet(disk);
    for (const place of [root, linked]) {
      const dataset = await openDataSet(place);
      const below = (path: string, { splits }: typeof dataset) => JSON.stringify(splits).replaceAll(`"${path}/`, '"');
      expect(below(place, dataset)).toBe(below(disk, plain));
    }
  });

  it.runIf(OF_IMAGES.includes(name))('has the classes of a data.yaml beside it, by folder and by file', async () => {
    const root = temporaryFolder();
    writeFiles(root, { ...SETS[name]('.png', IMAGE), 'data.yaml': `classes: [${FIRST(name)}, disc]\n` });
    const dataset = await openDataSet(root);
    expect(dataset.classes.map((entry) => entry.name)).toEqual([FIRST(name), 'disc']);
    expect(dataset.classesFrom).toBe('data.yaml');
    expect(await openDataSet(join(root, 'data.yaml'))).toEqual(dataset);
    for (const sample of [...dataset.splits.train, ...dataset.splits.val])
      expect([...(await loadSample(dataset, sample)).label]).toEqual([0, 1]);
    const { problems } = await checkDataSet(dataset);
    expect(problems).toEqual([]);
  });

  it.runIf(!OF_IMAGES.includes(name))('mentions a data.yaml, which describes images', async () => {
    const root = temporaryFolder();
    writeFiles(root, { ...SETS[name]('.png', IMAGE), 'data.yaml': 'classes: [ground, disc]\n' });
    expect((await openDataSet(root)).notes).toEqual([expect.stringMatching(/data.yaml is not read/)]);
  });

  it.runIf(OF_IMAGES.includes(name))('takes every kind of image', async () => {
    for (const ending of IMAGE_ENDINGS) {
      const root = temporaryFolder();
      writeFiles(root, {
        ...SETS[name](ending, await encode(ending)),
        'data.yaml': `classes: [${FIRST(name)}, disc]\n`,
      });
      const dataset = await openDataSet(root);
      for (const sample of [...dataset.splits.train, ...dataset.splits.val])
        expect((await loadSample(dataset, sample)).width, ending).toBe(2);
      expect((await checkDataSet(dataset)).problems, ending).toEqual([]);
    }
  });
});

/** An image of 2 x 1 pixels in the format that an ending stands for. */
async function encode(ending: string): Promise<Uint8Array> {
  const image = sharp(Uint8Array.of(200, 100, 0, 0, 100, 200), { raw: { width: 2, height: 1, channels: 3 } });
  const formats: Record<string, () => Promise<Uint8Array>> = {
    '.png': () => image.png().toBuffer(),
    '.jpg': () => image.jpeg().toBuffer(),
    '.jpeg': () => image.jpeg().toBuffer(),
    '.webp': () => image.webp().toBuffer(),
    '.tif': () => image.tiff().toBuffer(),
    '.tiff': () => image.tiff().toBuffer(),
  };
  return formats[ending]();
}

it('predictions take the images that training takes', async () => {
  const root = temporaryFolder();
  const names = [...IMAGE_ENDINGS, ...IMAGE_ENDINGS.map((ending) => ending.toUpperCase())].map(
    (ending, i) => `${i}${ending}`,
  );
  writeFiles(root, Object.fromEntries(names.map((name) => [name, IMAGE])));
  writeFiles(root, { 'notes.txt': '', '._0.png': '' });
  expect(findImages([root]).length).toBe(names.length);
  expect(findImages([join(root, '*.tif')])).toEqual([join(root, '4.tif')]);
});

it('predictions report the images that they do not read', () => {
  const root = temporaryFolder();
  writeFiles(root, {
    'some/a.png': IMAGE,
    'some/b.bmp': '',
    'some/c.BMP': '',
    'none/d.gif': '',
    'empty/notes.txt': '',
  });
  const said: string[] = [];
  const find = (word: string) => findImages([join(root, word)], (message) => said.push(message));
  expect(find('some')).toEqual([join(root, 'some/a.png')]);
  expect(said).toEqual([expect.stringMatching(/some: 2 .bmp files not read; images are .png/)]);
  expect(() => find('none')).toThrow(/none: holds no image \(.png .*\), but 1 .gif file/);
  expect(() => find('none/*.gif')).toThrow(/matches no image .*, but 1 .gif file/);
  expect(() => find('empty')).toThrow(/empty: holds no image/);
});
