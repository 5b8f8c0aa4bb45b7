/** @file Layouts: CamVid as it is, plain folders made here, and what is said of broken ones. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataSet } from '../../../src/data/detect.ts';
import { splitFold } from '../../../src/data/folds.ts';
import { loadLabels } from '../../../src/data/images/labels.ts';
import { encodePng } from '../../../src/data/images/png.ts';
import { loadSample } from '../../../src/data/sample.ts';
import { samplesOf, splitNames, submissionValues } from '../../../src/data/splits.ts';
import { hasRealData, realData } from '../realData.ts';

describe.skipIf(!hasRealData)('camvid', () => {
  it('has 367 and 51 pictures of 480x360 with 11 classes', async () => {
    const dataset = await openDataSet(realData('camvid'));
    expect(dataset.layout).toBe('camvid');
    expect([dataset.splits.train.length, dataset.splits.val.length]).toEqual([367, 51]);
    expect(dataset.classes.length).toBe(11);
    expect(dataset.classes[3]).toEqual({ name: 'Road', colour: [128, 64, 128] });
    expect(structuredClone(dataset)).toEqual(dataset);
    const picture = await loadSample(dataset, dataset.splits.val[0]);
    expect([picture.width, picture.height, picture.image.length]).toEqual([480, 360, 480 * 360 * 3]);
    expect([...new Set(picture.label)].every((id) => id < 11 || id === 255)).toBe(true);
  });
});

describe.skipIf(!hasRealData)('layouts of published data sets', () => {
  const valuesOf = async (path: string[], split: 'train' | 'val', index = 0) => {
    const dataset = await openDataSet(realData('layouts', ...path));
    const sample = dataset.splits[split][index];
    const picture = await loadSample(dataset, sample);
    return { dataset, sample, picture, values: [...new Set(picture.label)].sort((a, b) => a - b) };
  };

  it('cityscapes: label ids become train ids, as in labelTrainIds', async () => {
    const { dataset, sample, picture } = await valuesOf(['cityscapes'], 'val');
    expect([dataset.layout, dataset.classes.length, dataset.unpaired.length]).toEqual(['cityscapes', 19, 0]);
    expect(sample.id).toBe('val/frankfurt/frankfurt_000000_000294');
    const path = `layouts/cityscapes/gtFine/${sample.id}_gtFine_labelTrainIds.png`;
    // The two files of this sample were reduced apart from one another and differ in 77 of 32,768 pixels on edges.
    const trainIds = (await loadLabels(realData(path))).data;
    const differing = trainIds.filter((value, i) => value !== picture.label[i]).length;
    expect(differing / trainIds.length).toBeLessThan(0.004);
  });

  it('voc: the palette index is the class, 255 is void; any of three roots', async () => {
    for (const path of [['voc'], ['voc', 'VOCdevkit'], ['voc', 'VOCdevkit', 'VOC2012']]) {
      const { dataset, values, picture } = await valuesOf(path, 'train');
      expect([dataset.layout, dataset.classes.length]).toEqual(['voc', 21]);
      expect(dataset.classes[15]).toEqual({ name: 'person', colour: [192, 128, 128] });
      expect([dataset.splits.train.length, dataset.splits.val.length]).toEqual([2, 1]);
      expect([picture.width, picture.height, values]).toEqual([500, 338, [0, 5, 15, 255]]);
    }
  });

  it('ade20k: value less one is the class, 0 is ignored', async () => {
    const { dataset, sample, picture } = await valuesOf(['ade20k'], 'val');
    expect([dataset.layout, dataset.classes.length, dataset.classes[1].name]).toEqual(['ade20k', 150, 'building']);
    expect([dataset.splits.train.length, dataset.splits.val.length]).toEqual([1, 3]);
    const raw = await loadLabels(sample.source.kind === 'files' ? (sample.source.label ?? '') : '');
    expect(raw.data.every((value, i) => picture.label[i] === ((value - 1) & 255))).toBe(true);
  });
});

describe('plain folder', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'espalier-data-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const write = (path: string, content: string | Uint8Array): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  const picture = encodePng({ width: 2, height: 1, channels: 3, data: new Uint8Array(6) });
  const mask = (...values: number[]) => encodePng({ width: 2, height: 1, channels: 1, data: Uint8Array.from(values) });

  it('splits images/ + masks/ by hash, without overlap', async () => {
    for (let i = 0; i < 10; i++) {
      write(`images/${i}.png`, picture);
      write(`masks/${i}${i === 3 ? '_mask' : ''}.png`, mask(0, i === 5 ? 2 : 255));
    }
    write('images/._1.png', 'macOS');
    const first = await openDataSet(root);
    expect(first.classes.map((entry) => entry.name)).toEqual(['class 0', 'class 1', 'class 2']);
    expect([first.splitRule, first.splits.val]).toEqual([
      'hash',
      splitFold([...first.splits.train, ...first.splits.val]).val,
    ]);
    expect([first.splits.train.length, first.splits.val.length]).toEqual([9, 1]);
    expect(new Set([...first.splits.train, ...first.splits.val].map((sample) => sample.id)).size).toBe(10);
    expect(await openDataSet(root)).toEqual(first);
    expect((await openDataSet(root, { splitSeed: 2 })).splits).not.toEqual(first.splits);
    expect((await openDataSet(root, { fold: 1 })).splits.val).not.toEqual(first.splits.val);
  });

  it('follows a data.yaml: names by value, colours, ignored values, folders', async () => {
    write('a/images/x.png', picture);
    write('a/masks/x.png', mask(0, 255));
    write('b/images/y.png', picture);
    write('b/masks/y.png', mask(7, 255));
    write(
      'data.yaml',
      'name: two\nclasses: {0: back, 255: front}\ncolours: {front: [1, 2, 3]}\nignore: 7\ntrain: a/images\nval: {images: b/images, masks: b/masks}\n',
    );
    const dataset = await openDataSet(join(root, 'data.yaml'));
    expect(dataset.name).toBe('two');
    expect(dataset.classes[1]).toEqual({ name: 'front', colour: [1, 2, 3] });
    expect([...(await loadSample(dataset, dataset.splits.train[0])).label]).toEqual([0, 1]);
    expect([...(await loadSample(dataset, dataset.splits.val[0])).label]).toEqual([255, 1]);
  });

  it('says what is wrong', async () => {
    await expect(openDataSet(join(root, 'nowhere'))).rejects.toThrow(/no such folder/);
    await expect(openDataSet(root)).rejects.toThrow(/looked for cityscapes.*camvid \(.*trainannot.*folder \(images\//);
    write('images/train/a.png', picture);
    write('masks/train/a.png', mask(0, 1));
    await expect(openDataSet(root)).rejects.toThrow(/images\/val: no such folder/);
    write('images/val/b.png', picture);
    write('masks/val/c.png', mask(0, 1));
    await expect(openDataSet(root)).rejects.toThrow(
      /1 of 2 images have no mask, such as .*val\/b\.png \(a file without a partner is .*val\/c\.png\)/,
    );
    const open = await openDataSet(root, { allowUnpaired: true });
    expect(open.unpaired.map((file) => file.slice(-5))).toEqual(['b.png', 'c.png']);
    write('data.yaml', 'clases: [a]');
    await expect(openDataSet(root)).rejects.toThrow(/unknown key "clases"; did you mean "classes"/);
    write('data.yaml', 'classes: [only]');
    write('masks/val/b.png', mask(0, 9));
    const dataset = await openDataSet(root, { allowUnpaired: true });
    await expect(loadSample(dataset, dataset.splits.val[0])).rejects.toThrow(/b\.png: label values 9 belong to none/);
  });
});

describe('layouts as others write them', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'espalier-layouts-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));
  const write = (path: string, content: string | Uint8Array): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  const picture = encodePng({ width: 2, height: 1, channels: 3, data: new Uint8Array(6) });
  const mask = (...values: number[]) => encodePng({ width: 2, height: 1, channels: 1, data: Uint8Array.from(values) });
  const countsOf = ({ splits }: Awaited<ReturnType<typeof openDataSet>>) => [splits.train.length, splits.val.length];

  it.each([
    ['images/train2017', 'annotations/train2017', 'images/val2017', 'annotations/val2017'],
    ['images/train2017', 'stuffthingmaps/train2017', 'images/val2017', 'stuffthingmaps/val2017'],
    ['images/train', 'labels/train', 'images/valid', 'labels/valid'],
    ['images/training', 'masks/training', 'images/validation', 'masks/validation'],
  ])('%s with %s', async (trainImages, trainMasks, valImages, valMasks) => {
    for (const i of [1, 2]) {
      write(`${trainImages}/${i}.png`, picture);
      write(`${trainMasks}/${i}.png`, mask(0, 1));
    }
    write(`${valImages}/3.png`, picture);
    write(`${valMasks}/3.png`, mask(0, 255));
    const dataset = await openDataSet(root);
    expect([dataset.layout, ...countsOf(dataset)]).toEqual(['folder', 2, 1]);
    expect(dataset.classes).toHaveLength(2);
  });

  it('follows a YAML file of Ultralytics: path, train, val, names, nc, masks_dir', async () => {
    for (const [split, name] of [
      ['train', 'a'],
      ['val', 'b'],
    ]) {
      write(`data/images/${split}/${name}.png`, picture);
      write(`data/semantic/${split}/${name}.png`, mask(0, 1));
    }
    const yaml = (rest: string) =>
      `path: data\ntrain: images/train\nval: images/val\ntest: images/test\nmasks_dir: semantic\n${rest}`;
    write('street.yaml', yaml('nc: 2\nnames:\n  0: road\n  1: car\n'));
    const dataset = await openDataSet(join(root, 'street.yaml'));
    expect([dataset.classes.map(({ name }) => name), countsOf(dataset)]).toEqual([
      ['road', 'car'],
      [1, 1],
    ]);
    write('list.yaml', yaml('names: [road, car]\n'));
    expect((await openDataSet(join(root, 'list.yaml'))).classes).toEqual(dataset.classes);
    write('lie.yaml', yaml('nc: 3\nnames: [road, car]\n'));
    await expect(openDataSet(join(root, 'lie.yaml'))).rejects.toThrow(/`nc` is 3, but 2 classes are named/);
    write('twice.yaml', yaml('names: [road, car]\nclasses: [road, car]\n'));
    await expect(openDataSet(join(root, 'twice.yaml'))).rejects.toThrow(/both `names` and `classes`/);
  });

  it.each([
    ['images/train', 'masks/train', 'images/val', 'masks/val', 'images/test', 'masks/test'],
    ['train/images', 'train/masks', 'valid/images', 'valid/masks', 'test/images', 'test/masks'],
    ['train', 'trainannot', 'val', 'valannot', 'test', 'testannot'],
    [
      'images/training',
      'annotations/training',
      'images/validation',
      'annotations/validation',
      'images/testing',
      'annotations/testing',
    ],
  ])('reads the labelled test part beside %s, and no val from it', async (...folders) => {
    const [trainImages, trainMasks, valImages, valMasks, testImages, testMasks] = folders;
    write(`${trainImages}/1.png`, picture);
    write(`${trainMasks}/1.png`, mask(1, 2));
    write(`${valImages}/2.png`, picture);
    write(`${valMasks}/2.png`, mask(1, 2));
    write(`${testImages}/3.png`, picture);
    write(`${testImages}/4.png`, picture);
    // A benchmark that keeps its labels.
    expect(splitNames(await openDataSet(root))).toEqual(['train', 'val']);
    write(`${testMasks}/3.png`, mask(1, 2));
    const dataset = await openDataSet(root);
    expect(splitNames(dataset)).toEqual(['train', 'val', 'test']);
    expect(countsOf(dataset)).toEqual([1, 1]);
    expect(dataset.unpaired).toEqual([]);
    const [sample, ...others] = samplesOf(dataset, 'test');
    expect([sample.id, others]).toEqual(['test/3', []]);
    expect((await loadSample(dataset, sample)).label).toHaveLength(2);
  });

  it('reads a test part that a list or a data.yaml names', async () => {
    for (const id of ['one', 'two', 'three']) write(`JPEGImages/${id}.jpg`, picture);
    write('SegmentationClass/one.png', mask(0, 20));
    write('SegmentationClass/two.png', mask(0, 20));
    for (const [list, id] of [
      ['train', 'one'],
      ['val', 'two'],
      ['test', 'three'],
    ])
      write(`ImageSets/Segmentation/${list}.txt`, `${id}\n`);
    expect(splitNames(await openDataSet(root))).toEqual(['train', 'val']);
    write('SegmentationClass/three.png', mask(0, 20));
    expect(samplesOf(await openDataSet(root), 'test').map(({ id }) => id)).toEqual(['three']);

    for (const part of ['a', 'b', 'c']) {
      write(`own/${part}/images/x.png`, picture);
      write(`own/${part}/masks/x.png`, mask(0, 1));
    }
    write('own/data.yaml', 'train: a/images\nval: b/images\ntest: c/images\n');
    expect(splitNames(await openDataSet(join(root, 'own')))).toEqual(['train', 'val', 'test']);
    write('own/data.yaml', 'train: a/images\nval: b/images\ntest: d/images\n');
    expect(splitNames(await openDataSet(join(root, 'own')))).toEqual(['train', 'val']);
  });

  it('cityscapes: the coarse set is a split of its own, and ids go back to those of the benchmark', async () => {
    const add = (kind: string, split: string, city: string, ...values: number[]) => {
      write(`leftImg8bit/${split}/${city}/${city}_0_leftImg8bit.png`, picture);
      write(`${kind}/${split}/${city}/${city}_0_${kind}_labelIds.png`, mask(...values));
    };
    add('gtFine', 'train', 'aachen', 7, 33);
    add('gtFine', 'val', 'bonn', 0, 26);
    expect(splitNames(await openDataSet(root))).toEqual(['train', 'val']);
    add('gtCoarse', 'train_extra', 'erlangen', 8, 3);
    const dataset = await openDataSet(root);
    expect(splitNames(dataset)).toEqual(['train', 'val', 'coarse']);
    expect(countsOf(dataset)).toEqual([1, 1]);
    const [sample] = samplesOf(dataset, 'coarse');
    expect(sample.id).toBe('train_extra/erlangen/erlangen_0');
    expect([...(await loadSample(dataset, sample)).label]).toEqual([1, 255]);
    expect(() => samplesOf(dataset, 'corse')).toThrow(/no split "corse"; did you mean "coarse"/);
    const values = submissionValues(dataset);
    const { label } = await loadSample(dataset, dataset.splits.train[0]);
    expect([...label.map((id) => values[id])]).toEqual([7, 33]);
  });

  it('voc: the augmented list with its masks is trained on where it is there', async () => {
    for (const id of ['one', 'two', 'three']) {
      write(`JPEGImages/${id}.jpg`, picture);
      write(`SegmentationClassAug/${id}.png`, mask(0, 20));
    }
    write('SegmentationClass/one.png', mask(0, 20));
    write('SegmentationClass/three.png', mask(0, 255));
    write('ImageSets/Segmentation/train.txt', 'one\n');
    write('ImageSets/Segmentation/val.txt', 'three\n');
    expect(countsOf(await openDataSet(root))).toEqual([1, 1]);
    write('ImageSets/Segmentation/trainaug.txt', 'one\ntwo\n');
    const dataset = await openDataSet(root);
    expect(countsOf(dataset)).toEqual([2, 1]);
    expect(dataset.splits.train[1].source).toMatchObject({ label: join(root, 'SegmentationClassAug', 'two.png') });
    expect(submissionValues(dataset)).toEqual(Array.from({ length: 21 }, (_, id) => id));
  });
});
