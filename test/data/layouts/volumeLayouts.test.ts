/** @file Layouts of volumes: dataset.json in the forms that exist, folds that are stable and disjoint, what is missing is named. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeDataSet } from '../../../src/data/describe.ts';
import { openDataSet } from '../../../src/data/detect.ts';
import { splitFold } from '../../../src/data/folds.ts';
import { samplesOf, splitNames } from '../../../src/data/splits.ts';
import type { DataSet, Sample, VolumeSet } from '../../../src/data/types.ts';
import { hasRealData, realData } from '../realData.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'espalier-layout-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function touch(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), '');
  }
}

const describeAs = (value: unknown): void => writeFileSync(join(root, 'dataset.json'), JSON.stringify(value));

async function open(options = {}): Promise<VolumeSet> {
  const dataset: DataSet = await openDataSet(root, options);
  if (dataset.rank !== 3) throw new Error('expected volumes');
  return dataset;
}

const all = ({ splits }: DataSet): Sample[] => [...splits.train, ...splits.val].sort((a, b) => (a.id < b.id ? -1 : 1));
const NUMBERS = ['1', '2', '3', '4', '5', '6'];
const LABELS = { 0: 'background', 1: 'liver', 2: 'tumour' };

describe('the Decathlon', () => {
  beforeEach(() =>
    touch(...NUMBERS.flatMap((n) => [`imagesTr/a_${n}.nii.gz`, `labelsTr/a_${n}.nii.gz`, `imagesTr/._a_${n}.nii.gz`])),
  );

  it('has a test part where its labels are there', async () => {
    describeAs({ modality: { 0: 'CT' }, labels: LABELS });
    touch('imagesTs/b_1.nii.gz', 'imagesTs/b_2.nii.gz');
    expect(splitNames(await open())).toEqual(['train', 'val']);
    touch('labelsTs/b_2.nii.gz');
    const dataset = await open();
    expect(samplesOf(dataset, 'test').map(({ id }) => id)).toEqual(['b_2']);
    expect(all(dataset)).toHaveLength(6);
    describeAs({ channel_names: { 0: 'CT' }, labels: { background: 0, liver: 1 }, file_ending: '.nii.gz' });
    for (const part of ['Tr', 'Ts']) rmSync(join(root, `images${part}`), { recursive: true });
    rmSync(join(root, 'labelsTs'), { recursive: true });
    touch(...NUMBERS.map((n) => `imagesTr/a_${n}_0000.nii.gz`), 'imagesTs/c_0000.nii.gz', 'labelsTs/c.nii.gz');
    expect(samplesOf(await open(), 'test').map(({ id }) => id)).toEqual(['c']);
  });

  it.each<[string, unknown]>([
    ['with ./', NUMBERS.map((n) => ({ image: `./imagesTr/a_${n}.nii.gz`, label: `./labelsTr/a_${n}.nii.gz` }))],
    ['without ./', NUMBERS.map((n) => ({ image: `imagesTr/a_${n}.nii.gz`, label: `labelsTr/a_${n}.nii.gz` }))],
    [
      'from another machine',
      NUMBERS.map((n) => ({ image: `/data/Task/imagesTr/a_${n}.nii.gz`, label: `/data/Task/labelsTr/a_${n}.nii.gz` })),
    ],
    ['naming uncompressed files', NUMBERS.map((n) => ({ image: `imagesTr/a_${n}.nii`, label: `labelsTr/a_${n}.nii` }))],
    [
      'with twins of macOS',
      NUMBERS.flatMap((n) =>
        ['', '._'].map((twin) => ({
          image: `./imagesTr/${twin}a_${n}.nii.gz`,
          label: `./labelsTr/${twin}a_${n}.nii.gz`,
        })),
      ),
    ],
    ['left out', undefined],
  ])('has its list %s', async (_, training) => {
    describeAs({
      name: 'X',
      licence: 'y',
      relase: 1,
      tensorImageSize: '4D',
      modality: { 1: 'T2', 0: 'CT' },
      labels: LABELS,
      training,
      test: ['./imagesTs/a_9.nii.gz'],
    });
    const dataset = await open();
    expect([dataset.layout, dataset.name, dataset.rank]).toEqual(['decathlon', 'X', 3]);
    expect(dataset.modalities).toEqual(['CT', 'T2']);
    expect(dataset.preparation.normalisation.map(({ kind }) => kind)).toEqual(['window', 'zscore']);
    expect(dataset.classes.map(({ name }) => name)).toEqual(['background', 'liver', 'tumour']);
    expect(all(dataset).map(({ id }) => id)).toEqual(NUMBERS.map((n) => `a_${n}`));
    expect(all(dataset)[0].source).toEqual({
      kind: 'volume',
      images: [join(root, 'imagesTr/a_1.nii.gz')],
      label: join(root, 'labelsTr/a_1.nii.gz'),
    });
    expect(dataset.splits.val.length).toBe(1);
  });

  it('takes labels that leave numbers out, from name to number too', async () => {
    describeAs({ labels: { background: 0, edema: '2', core: 4 } });
    const { classes, labelMap } = await open();
    expect(classes.map(({ name }) => name)).toEqual(['background', 'edema', 'core']);
    expect([0, 1, 2, 3, 4, 255].map((value) => labelMap[value])).toEqual([0, -1, 1, -1, 2, 255]);
  });

  it('takes a list for validation as val', async () => {
    const entry = (n: string) => ({ image: `imagesTr/a_${n}.nii.gz`, label: `labelsTr/a_${n}.nii.gz` });
    describeAs({ labels: LABELS, training: NUMBERS.slice(2).map(entry), validation: NUMBERS.slice(0, 2).map(entry) });
    const { splits } = await open();
    expect([splits.train.length, splits.val.map(({ id }) => id)]).toEqual([4, ['a_1', 'a_2']]);
  });

  it('is never led out of its folder', async () => {
    const list = (image: string) => [{ image, label: 'labelsTr/a_1.nii.gz' }];
    describeAs({ labels: LABELS, training: list('../elsewhere/a_1.nii.gz') });
    await expect(open()).rejects.toThrow(/^\.\.\/elsewhere\/a_1\.nii\.gz: leaves the folder/);
    const outside = mkdtempSync(join(tmpdir(), 'espalier-outside-'));
    writeFileSync(join(outside, 'b.nii.gz'), '');
    describeAs({ labels: LABELS, training: list(join(outside, 'b.nii.gz')) });
    await expect(open()).rejects.toThrow(/files without a partner/);
    rmSync(outside, { recursive: true });
  });

  it('refuses keys that reach for the prototype', async () => {
    writeFileSync(join(root, 'dataset.json'), '{"labels":{"0":"background"},"__proto__":{"polluted":1}}');
    await expect(open()).rejects.toThrow(/dataset.json: no valid JSON .*__proto__/);
  });

  it('names what is missing or wrong', async () => {
    describeAs({ labels: LABELS });
    rmSync(join(root, 'labelsTr/a_3.nii.gz'));
    touch('labelsTr/b.nii.gz');
    await expect(open()).rejects.toThrow(/files without a partner: .*labelsTr\/b.nii.gz, .*imagesTr\/a_3.nii.gz/);
    expect((await open({ allowUnpaired: true })).unpaired.map((file) => basename(file))).toEqual([
      'b.nii.gz',
      'a_3.nii.gz',
    ]);
    const refused: [unknown, RegExp][] = [
      [{ labels: { 1: 'x' } }, /dataset.json: no label has the value 0/],
      [
        { labels: { background: 0, whole: [1, 2] } },
        /region "whole": expected one class that no later region holds, got label 1, label 2/,
      ],
      [{ labels: { background: 0, a: 1.5 } }, /label "a" is 1.5; label values are whole numbers from 0 to 65533/],
      [{ labels: { background: 0, a: -1 } }, /label "a" is -1; .* what does not count is called "ignore"/],
      [{ labels: { background: 0, a: [] } }, /label "a" is \[\]/],
      [{ labels: { background: 0, ignore: 'void' } }, /label "ignore" is "void"; give whole numbers/],
      [{ labels: LABELS, modality: { 0: 'FLAIR', 2: 'T1' } }, /channels are called 0, 2, and there is no 1/],
      [{ labels: LABELS, modality: { FLAIR: '0', T1: '1' } }, /channels are called FLAIR, T1, and there is no 0/],
      [{ labels: { background: 0, a: 1, b: 1 } }, /two labels have the value 1/],
      [{ labels: { 0: 'background', 65534: 'x' } }, /label "x" is "65534"/],
      [{}, /dataset.json: labels/],
    ];
    for (const [value, message] of refused) {
      describeAs(value);
      await expect(open({ allowUnpaired: true })).rejects.toThrow(message);
    }
    writeFileSync(join(root, 'dataset.json'), '{');
    await expect(open()).rejects.toThrow(/dataset.json: no valid JSON/);
  });

  it('says which files there are where none can be read', async () => {
    describeAs({ labels: LABELS });
    for (const name of ['imagesTr', 'labelsTr']) rmSync(join(root, name), { recursive: true });
    touch('imagesTr/a.mha', 'imagesTr/b.mha', 'imagesTr/c.nrrd', 'labelsTr/a.mha');
    await expect(open()).rejects.toThrow(
      /holds no labelled volumes; they belong into .* as .nii.gz.*imagesTr\/ holds 2 .mha, 1 .nrrd and labelsTr\/ holds 1 .mha, which cannot be read/,
    );
    touch('labelsTr/b.nii.gz', 'labelsTr/c.nii.gz');
    await expect(open()).rejects.toThrow(/files without a partner: .*imagesTr\/ holds 2 .mha/);
  });
});

describe('labels', () => {
  beforeEach(() => touch(...NUMBERS.flatMap((n) => [`imagesTr/a_${n}.nii.gz`, `labelsTr/a_${n}.nii.gz`])));

  it.each<[string, Record<string, unknown>, Record<number, number>, number[] | undefined]>([
    [
      'of FreeSurfer',
      { background: 0, left: 1002, right: 2035 },
      { 0: 0, 1002: 1, 2035: 2, 1003: -1, 255: 255 },
      undefined,
    ],
    ['in regions of one', { background: 0, ball: [1], box: [2] }, { 0: 0, 1: 1, 2: 2 }, undefined],
    ['with one to ignore', { background: 0, ball: 1, ignore: 2 }, { 0: 0, 1: 1, 2: 255 }, undefined],
    [
      'with several to ignore',
      { background: 0, ball: 1, ignore: [7, -1, 'NaN', 3000] },
      { 7: 255, 3000: 255 },
      [-1, Number.NaN],
    ],
    [
      'from value to name',
      { 0: 'background', 1002: 'ball', '-1': 'ignore', nan: 'ignore' },
      { 1002: 1 },
      [-1, Number.NaN],
    ],
  ])('%s', async (_, labels, map, outside) => {
    describeAs({ labels });
    const dataset = await open();
    const { labelMap, ignoredLabels } = dataset;
    for (const [value, id] of Object.entries(map)) expect(labelMap[Number(value)], value).toBe(id);
    expect(ignoredLabels).toEqual(outside);
    const said = describeDataSet(dataset).includes('; ignored label values: ');
    expect(said).toBe(outside !== undefined);
  });
});

describe('nnU-Net', () => {
  const json = {
    channel_names: { 0: 'FLAIR', 1: 'T1' },
    labels: { background: 0, lesion: 1, ignore: 2 },
    numTraining: 6,
    file_ending: '.nii.gz',
  };
  beforeEach(() => {
    touch(
      ...NUMBERS.flatMap((n) => [
        `imagesTr/c_${n}_0000.nii.gz`,
        `imagesTr/c_${n}_0001.nii.gz`,
        `labelsTr/c_${n}.nii.gz`,
      ]),
    );
    describeAs(json);
  });

  it('has a file for each channel, and may ignore a label', async () => {
    const dataset = await open({ folds: 3, fold: 1 });
    expect([dataset.layout, dataset.modalities, dataset.splits.val.length]).toEqual(['nnunet', ['FLAIR', 'T1'], 3]);
    expect(dataset.classes.map(({ name }) => name)).toEqual(['background', 'lesion']);
    expect(dataset.labelMap.slice(0, 4)).toEqual([0, 1, 255, -1]);
    const [{ id, source }] = all(dataset);
    expect([id, source.kind === 'volume' && source.images.map((file) => basename(file))]).toEqual([
      'c_1',
      ['c_1_0000.nii.gz', 'c_1_0001.nii.gz'],
    ]);
  });

  it('takes the folds of splits_final.json where it is there', async () => {
    const file = join(root, 'splits_final.json');
    const folds = [
      { train: ['c_1', 'c_2', 'c_3'], val: ['c_4'] },
      { train: ['c_4', 'c_1'], val: ['c_5', 'c_6'] },
    ];
    writeFileSync(file, JSON.stringify(folds));
    for (const [fold, { train, val }] of folds.entries()) {
      const { splits } = await open({ fold });
      expect([splits.train, splits.val].map((samples) => samples.map(({ id }) => id))).toEqual([train, val]);
    }
    await expect(open({ fold: 2 })).rejects.toThrow(/fold 2: .*splits_final.json has no such fold/);
    const refused: [unknown, RegExp][] = [
      [[{ train: ['c_1', 'c_9'], val: ['c_2'] }], /there is no case c_9/],
      [[{ train: ['c_1', 'c_2'], val: ['c_2'] }], /fold 0 has c_2 in train and in val/],
      [{ train: [] }, /expected a list of folds/],
    ];
    for (const [content, message] of refused) {
      writeFileSync(file, JSON.stringify(content));
      await expect(open()).rejects.toThrow(message);
    }
    writeFileSync(file, '[');
    await expect(open()).rejects.toThrow(/splits_final.json: no valid JSON/);
  });

  it('names a missing modality and an ending that cannot be read', async () => {
    rmSync(join(root, 'imagesTr/c_4_0001.nii.gz'));
    await expect(open()).rejects.toThrow(/c_4_0000.nii.gz: the case lacks T1 \(c_4_0001\)/);
    expect((await open({ allowUnpaired: true })).unpaired.map((file) => basename(file))).toEqual(['c_4_0000.nii.gz']);
    describeAs({ ...json, file_ending: '.nrrd' });
    await expect(open()).rejects.toThrow(/file_ending .nrrd cannot be read/);
  });
});

describe('folds', () => {
  const samples = (count: number): Sample[] =>
    Array.from({ length: count }, (_, i) => ({ id: `s${i}`, source: { kind: 'phantom', seed: i, shape: [8, 8, 8] } }));

  it('are disjoint, cover everything once, and do not depend on the order', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 9 }),
        fc.integer({ min: 0, max: 40 }),
        fc.nat(),
        (folds, more, splitSeed) => {
          const list = samples(folds + more);
          const seen: string[] = [];
          for (let fold = 0; fold < folds; fold++) {
            const { train, val } = splitFold(list, { fold, folds, splitSeed });
            expect(new Set([...train, ...val]).size).toBe(list.length);
            expect(train.length + val.length).toBe(list.length);
            expect(splitFold([...list].reverse(), { fold, folds, splitSeed })).toEqual({ train, val });
            seen.push(...val.map(({ id }) => id));
          }
          expect(seen.sort()).toEqual(list.map(({ id }) => id).sort());
        },
      ),
    );
  });

  it('out of range are refused', () => {
    expect(() => splitFold(samples(9), { fold: 5 })).toThrow(/fold 5 of 5/);
    expect(() => splitFold(samples(9), { folds: 1 })).toThrow(/folds 1/);
    expect(() => splitFold(samples(3))).toThrow(/3 labelled samples make no 5 folds/);
  });
});

it.skipIf(!hasRealData)('opens the hippocampus: 208 volumes, about a fifth for val', async () => {
  const dataset = await openDataSet(realData('hippocampus'));
  expect([dataset.rank, dataset.layout, dataset.name]).toEqual([3, 'decathlon', 'Hippocampus']);
  expect([dataset.splits.train.length, dataset.splits.val.length]).toEqual([173, 35]);
  expect(dataset.classes.map(({ name }) => name)).toEqual(['background', 'Anterior', 'Posterior']);
});

it('makes phantoms of any size by name', async () => {
  const dataset = await openDataSet('phantoms:12x10x8');
  expect(dataset.splits.train[0].source).toEqual({ kind: 'phantom', seed: 0, shape: [8, 10, 12] });
  await expect(openDataSet('phantoms:4x4')).rejects.toThrow(/expected phantoms/);
});
