/** @file Folders as annotation tools export them, and what a data.yaml may say: CVAT, Roboflow, Ultralytics, and own names of folders. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeDataSet } from '../../../src/data/describe.ts';
import { openDataSet } from '../../../src/data/detect.ts';
import { encodePng } from '../../../src/data/images/png.ts';
import { parseDescription } from '../../../src/data/layouts/description.ts';
import { parseClassTable, parseLabelMap } from '../../../src/data/layouts/names.ts';
import { loadSample } from '../../../src/data/sample.ts';
import type { Colour, DataSet } from '../../../src/data/types.ts';
import { IMAGE, mask, writeFiles } from '../../helpers/imageSets.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';

type Files = Record<string, string | Uint8Array>;

async function open(files: Files, path = ''): Promise<DataSet> {
  const root = temporaryFolder();
  writeFiles(root, files);
  return openDataSet(join(root, path));
}

const namesOf = ({ classes }: DataSet): string[] => classes.map(({ name }) => name);
const countsOf = ({ splits }: DataSet): number[] => [splits.train.length, splits.val.length];
const labelsOf = async (dataset: DataSet): Promise<number[]> => [
  ...(await loadSample(dataset, dataset.splits.train[0])).label,
];

describe('CVAT', () => {
  const colours: Colour[] = [
    [0, 0, 0],
    [250, 50, 83],
    [61, 61, 245],
  ];
  const labelmap = '# label:color_rgb:parts:actions\nbackground:0,0,0::\ndisc:250,50,83::\nbar: left:61,61,245::\n';
  const set = (label: Uint8Array, lists: Record<string, string>): Files => ({
    ...Object.fromEntries(['f 0', 'f1'].map((name) => [`JPEGImages/${name}.png`, IMAGE])),
    ...Object.fromEntries(['f 0', 'f1'].map((name) => [`SegmentationClass/${name}.png`, label])),
    ...Object.fromEntries(Object.entries(lists).map(([name, text]) => [`ImageSets/Segmentation/${name}.txt`, text])),
    'labelmap.txt': labelmap,
  });
  const split = { Train: 'f 0\n', Validation: 'f1\n' };

  it.each<[string, Uint8Array]>([
    ['grey', mask(2, 1)],
    ['indexed in its order', encodePng({ width: 2, height: 1, channels: 1, data: Uint8Array.of(2, 1) }, colours)],
    [
      'indexed in another order',
      encodePng({ width: 2, height: 1, channels: 1, data: Uint8Array.of(0, 1) }, [...colours].reverse()),
    ],
    [
      'in colours',
      encodePng({ width: 2, height: 1, channels: 3, data: Uint8Array.from([...colours[2], ...colours[1]]) }),
    ],
  ])('%s masks have the names and colours of labelmap.txt', async (_, label) => {
    const dataset = await open(set(label, split));
    expect([dataset.layout, dataset.classesFrom, ...countsOf(dataset)]).toEqual(['voc', 'labelmap.txt', 1, 1]);
    expect(dataset.classes).toEqual(
      ['background', 'disc', 'bar: left'].map((name, id) => ({ name, colour: colours[id] })),
    );
    expect(await labelsOf(dataset)).toEqual([2, 1]);
    expect(describeDataSet(dataset)).toMatch(
      /layout voc: 3 classes from labelmap.txt \(background, disc, bar: left\), 1 train and 1 val images/,
    );
  });

  it('has one list, which is split', async () => {
    expect(countsOf(await open(set(mask(0, 1), { default: 'f 0\r\nf1\r\n' })))).toEqual([1, 1]);
    await expect(open(set(mask(0, 1), { train: 'f 0\n', other: 'f1\n' }))).rejects.toThrow(
      /expected train.txt and val.txt, or one list of all images, got other.txt, train.txt/,
    );
    await expect(open(set(mask(0, 1), {}))).rejects.toThrow(/no known layout/);
    await expect(open(set(mask(0, 1), { default: 'f 0\nf2\n' }))).rejects.toThrow(
      /default.txt: names f2, but there is no/,
    );
    await expect(open(set(mask(0, 1), { default: 'f 0\nf1\nf1\n' }))).rejects.toThrow(/names f1 twice/);
  });

  it('refuses two images or masks of one name', async () => {
    const files = set(mask(0, 1), split);
    await expect(open({ ...files, 'JPEGImages/f1.jpg': IMAGE })).rejects.toThrow(/f1.jpg and .*f1.png have one name/);
    await expect(open({ ...files, 'SegmentationClass/f1.tif': IMAGE })).rejects.toThrow(
      /f1.png and .*f1.tif have one name/,
    );
  });

  it('says which line of labelmap.txt is wrong', () => {
    const refused: [string, RegExp][] = [
      ['background:0,0,0::\ndisc::\n', /^map:2: expected name:red,green,blue:parts:actions, got "disc::"/],
      ['a:0,0,256::\n', /^map:1: expected/],
      ['a:0,0,0::\nb:0,0,0::\n', /^map: two classes have the colour 0,0,0/],
      ['a:0,0,0::\na:0,0,1::\n', /^map: two classes have the name a/],
      ['# label\n', /^map: names no classes/],
    ];
    for (const [text, message] of refused) expect(() => parseLabelMap(text, 'map')).toThrow(message);
  });
});

describe('Roboflow', () => {
  const table = 'Pixel Value, Class\n0, ground\n2, disc\n';
  const set = (splits: string[], tables: Record<string, string> = {}): Files =>
    Object.fromEntries(
      splits.flatMap((split) => [
        [`${split}/a_jpg.rf.ab.jpg`, IMAGE],
        [`${split}/a_jpg.rf.ab_mask.png`, mask(0, 2)],
        [`${split}/b_jpg.rf.cd.jpg`, IMAGE],
        [`${split}/b_jpg.rf.cd_mask.png`, mask(2, 2)],
        [`${split}/_classes.csv`, tables[split] ?? table],
      ]),
    );

  it('masks beside their images, with the names of _classes.csv', async () => {
    const dataset = await open(set(['train', 'valid', 'test']));
    expect([dataset.layout, dataset.classesFrom, ...namesOf(dataset)]).toEqual([
      'folder',
      '_classes.csv',
      'ground',
      'disc',
    ]);
    expect(countsOf(dataset)).toEqual([2, 2]);
    expect(await labelsOf(dataset)).toEqual([0, 1]);
    expect(countsOf(await open(set(['train'])))).toEqual([1, 1]);
  });

  it('refuses splits of other classes', async () => {
    await expect(open(set(['train', 'valid'], { valid: 'x\n0, ground\n2, bar\n' }))).rejects.toThrow(
      /_classes.csv: expected the same classes/,
    );
    expect(() => parseClassTable('x\n0, a\nred, b\n', 'csv')).toThrow(
      /^csv:3: expected a value from 0 to 255 and a name/,
    );
  });

  it('is described by the data.yaml of its export', async () => {
    const files: Files = {
      'data.yaml':
        'names: [ground, disc]\nnc: 2\ntrain: ../train/images\nval: ../valid/images\nroboflow: {workspace: x}\n',
    };
    for (const split of ['train', 'valid']) {
      files[`${split}/images/${split}.jpg`] = IMAGE;
      files[`${split}/masks/${split}.png`] = mask(0, 1);
    }
    const dataset = await open(files);
    expect([...namesOf(dataset), ...countsOf(dataset)]).toEqual(['ground', 'disc', 1, 1]);
    delete files['data.yaml'];
    expect(countsOf(await open(files))).toEqual([1, 1]);
  });
});

describe('lists of CamVid', () => {
  const set = (train: string): Files => ({
    ...Object.fromEntries(
      ['train', 'trainannot', 'val', 'valannot'].map((folder) => [`${folder}/0001TP 1.png`, mask(0, 1)]),
    ),
    'train.txt': train,
  });

  it('may have spaces in names, and paths of another machine', async () => {
    for (const train of [
      'train/0001TP 1.png trainannot/0001TP 1.png\n',
      '/SegNet/CamVid/train/0001TP 1.png /SegNet/CamVid/trainannot/0001TP 1.png',
    ])
      expect((await open(set(train))).splits.train).toMatchObject([{ id: 'train/0001TP 1' }]);
  });

  it.each<[string, RegExp]>([
    ['train/0001TP 1.png\n', /train.txt:1: expected an image and a label, got "train\/0001TP 1.png"/],
    ['train/0001TP 1.png ../other.png\n', /train.txt:1: .*other.png leaves the folder/],
    ['train/none.png trainannot/none.png\n', /train.txt:1: no such image/],
    [
      'train/0001TP 1.png trainannot/none.png\n',
      /1 of 2 images have no mask, .*train.txt names an image and its label/,
    ],
    ['train/0001TP 1.png train/0001TP 1.png\n', /0001TP 1.png: expected a label file, got the image itself/],
    ['train/0001TP 1.png trainannot/0001TP 1.png\n'.repeat(2), /train.txt: names train\/0001TP 1 twice/],
    ['\n', /train.txt: lists no images/],
  ])('%j', async (train, message) => {
    await expect(open(set(train))).rejects.toThrow(message);
  });
});

describe('names of folders', () => {
  it.each([
    ['Images', 'Masks'],
    ['imgs', 'masks'],
    ['IMAGES', 'Annotations'],
    ['images', 'LABELS'],
  ])('%s and %s', async (images, masks) => {
    const dataset = await open({
      [`${images}/a.png`]: IMAGE,
      [`${images}/b.png`]: IMAGE,
      [`${masks}/a.png`]: mask(0, 1),
      [`${masks}/b.png`]: mask(0, 1),
    });
    expect(countsOf(dataset)).toEqual([1, 1]);
  });

  const twice = (folder: string): Files => ({
    [`${folder}images/a.png`]: IMAGE,
    [`${folder}images/b.png`]: IMAGE,
    [`${folder}masks/a.png`]: mask(0, 1),
    [`${folder}masks/b.png`]: mask(0, 1),
  });

  it('`path` means the same by folder and by file', async () => {
    const root = temporaryFolder();
    writeFiles(root, { ...twice('inner/'), 'data.yaml': 'path: inner\nclasses: [ground, disc]\n' });
    expect(await openDataSet(root)).toEqual(await openDataSet(join(root, 'data.yaml')));
    writeFiles(root, { 'data.yaml': 'path: /content/datasets/x\nclasses: [ground, disc]\n' });
    await expect(openDataSet(root)).rejects.toThrow(
      /`path` is \/content\/datasets\/x, but there is no folder .*leave it out where the images lie beside the file/,
    );
  });

  it('`masks` is used with and without `train`', async () => {
    const files = { ...twice(''), 'truth/a.png': mask(1, 1), 'truth/b.png': mask(1, 1) };
    const classes = 'classes: [ground, disc]\n';
    expect(await labelsOf(await open({ ...files, 'data.yaml': classes }))).toEqual([0, 1]);
    expect(await labelsOf(await open({ ...files, 'data.yaml': `${classes}masks: truth\n` }))).toEqual([1, 1]);
    expect(await labelsOf(await open({ ...files, 'data.yaml': `${classes}train: images\nmasks: truth\n` }))).toEqual([
      1, 1,
    ]);
    await expect(open({ ...files, 'data.yaml': `${classes}masks: nowhere\n` })).rejects.toThrow(/no images with masks/);
  });

  it('one folder may be that of images and of masks', async () => {
    const files: Files = { 'data.yaml': 'train: {images: train, masks: train}\nval: {images: valid, masks: valid}\n' };
    for (const split of ['train', 'valid']) {
      files[`${split}/a.png`] = mask(7, 9);
      files[`${split}/a_mask.png`] = mask(0, 1);
    }
    const dataset = await open(files);
    expect([...countsOf(dataset), dataset.classes.length]).toEqual([1, 1, 2]);
  });

  it('says where the masks are sought, and that a share is not used', async () => {
    const classes = 'classes: [ground, disc]\n';
    await expect(open({ 'photos/a.png': IMAGE, 'data.yaml': `${classes}train: photos\n` })).rejects.toThrow(
      /where are the masks of "photos"\?; write \{images: photos, masks: ...\}/,
    );
    await expect(open({ 'masks/a.png': IMAGE, 'data.yaml': `${classes}train: images\n` })).rejects.toThrow(
      /images: no such folder; data.yaml names it/,
    );
    const files: Files = { 'data.yaml': `${classes}valShare: 0.5\n` };
    for (const split of ['train', 'val']) {
      files[`images/${split}/a.png`] = IMAGE;
      files[`masks/${split}/a.png`] = mask(0, 1);
    }
    expect((await open(files)).notes).toEqual(['`valShare` of data.yaml is not used: the folders make the split']);
  });
});

describe('classes', () => {
  const pairOf = (...values: number[]): Files => ({
    'images/a.png': IMAGE,
    'images/b.png': IMAGE,
    'masks/a.png': mask(values[0], values[1]),
    'masks/b.png': mask(values[0], values[1]),
  });

  it('one is no training, wherever it was named', async () => {
    await expect(open(pairOf(0, 0))).rejects.toThrow(/expected at least two classes, got one \(class 0\)/);
    await expect(open({ ...pairOf(0, 0), 'data.yaml': 'classes: [road]\n' })).rejects.toThrow(/got one \(road\)/);
    await expect(open({ ...pairOf(0, 255), 'data.yaml': 'ignore: 255\n' })).rejects.toThrow(/got one \(class 0\)/);
  });

  it('of masks of 0 and 255 are two, of others the values, without those that are ignored', async () => {
    const binary = await open(pairOf(0, 255));
    expect([binary.classesFrom, ...namesOf(binary)]).toEqual(['the values of the masks', 'background', 'object']);
    expect(await labelsOf(binary)).toEqual([0, 1]);
    expect(binary.notes).toEqual([expect.stringMatching(/0 and 255 only: read as two classes/)]);
    const ignored = await open({ ...pairOf(1, 3), 'data.yaml': 'ignore: [0, 2]\n' });
    expect(namesOf(ignored)).toEqual(['class 1', 'class 3']);
    expect(await labelsOf(ignored)).toEqual([0, 1]);
  });

  it('of folders like those of a published data set, with other names of images, are pointed out', async () => {
    const dataset = await open({
      'train/a.png': IMAGE,
      'trainannot/a.png': mask(0, 1),
      'val/b.png': IMAGE,
      'valannot/b.png': mask(0, 1),
    });
    expect(dataset.notes).toEqual([
      expect.stringMatching(/folders are those of CamVid, the names .*write a data.yaml/),
    ]);
  });

  it.each<[string, RegExp]>([
    ['classes: [1, 2, 3]', /^x: `classes`: names are texts: quote them, got 1 \(write "1"\)/],
    ['names: {0: road, 1: true}', /^x: `names`: names are texts: quote them, got true \(write "true"\)/],
    ['classes: [road, ~]', /names are texts: quote them, got null/],
    ['classes: road', /expected a list of names, or a map from label value to name, got "road"/],
    ['classes: []', /expected a list of names, .* got none/],
    ['classes: {road: 0}', /names are texts: quote them, got 0/],
    ['classes: {road: a}', /got the value "road"; write the value first, \{0: road\}/],
    ['classes: {0: a, 00: b}', /x: class "b" \(value 0\); names and values differ|no valid YAML/],
    ['classes: [a, a]', /x: class "a" \(value 1\)/],
    ['classes: [a, b]\ncolours: [[0, 0]]', /`colours.*: expected \[red, green, blue\]/],
    ['colours: [[0, 0, 0]]', /`colours` without `classes`/],
    ['ignore: none', /`ignore`: expected a value from 0 to 255/],
    ['train: [a]', /`train`: expected a folder of images/],
    ['train: ../../x', /"..\/..\/x" leaves the folder/],
    ['train: ../elsewhere/images', /"..\/elsewhere\/images" leaves the folder/],
    ['train: ../train/../../x', /leaves the folder/],
    ['masks: ../x', /"..\/x" leaves the folder/],
  ])('%s', (text, message) => {
    expect(() => parseDescription(text, 'x')).toThrow(message);
  });
});
