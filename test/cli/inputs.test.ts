/** @file What the words of a prediction name: images and volumes, none twice, every channel by its number. */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filesRead, findImages, findVolumes } from '../../src/cli/inputs.ts';
import { groupChannels } from '../../src/data/layouts/channels.ts';
import { createNiftiHeader, encodeNifti } from '../../src/data/nifti/encode.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';

const folder = sharedFolder();
const file = (...path: string[]) => join(folder, ...path);
mkdirSync(file('series'));
for (const name of ['b.nii.gz', 'a.nii', '._a.nii', 'note.txt', 'p.png', 'q.JPG']) writeFileSync(file(name), '');
for (const name of ['IM1', 'IM2']) writeFileSync(file('series', name), '');

const AFFINE = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
  [0, 0, 0, 1],
] as const;

/** Writes a small volume with so many channels on the fourth axis. */
function volume(path: string, channels = 1): string {
  const shape = channels === 1 ? [2, 2, 2] : [2, 2, 2, channels];
  mkdirSync(join(file(path), '..'), { recursive: true });
  writeFileSync(file(path), encodeNifti(createNiftiHeader({ shape, affine: AFFINE }), new Uint8Array(8 * channels)));
  return file(path);
}

describe('volumes that words name', () => {
  it('are files, folders of them, folders of slices, and patterns', async () => {
    const find = (...words: string[]) => findVolumes(words, ['MRI']);
    expect(await find(file('b.nii.gz'))).toEqual([{ id: 'b', files: [file('b.nii.gz')] }]);
    expect(await find(file('series'))).toEqual([{ id: 'series', files: [file('series')] }]);
    expect((await find(folder)).map(({ id }) => id)).toEqual(['a', 'adc', 'b', 'flair', 'series']);
    expect((await find(file('*.nii'))).map(({ id }) => id)).toEqual(['a']);
    await expect(find(file('c*'))).rejects.toThrow(/matches no volume/);
    await expect(find(file('c.nii'))).rejects.toThrow(/no such file/);
  });

  it('are there once, however often and by whatever links they are named', async () => {
    symlinkSync(file('a.nii'), file('link.nii'));
    expect(await findVolumes([file('a.nii'), file('link.nii'), `${folder}/./a.nii`], ['MRI'])).toHaveLength(1);
    expect(findImages([file('p.png'), folder])).toEqual([file('p.png'), file('q.JPG')]);
    rmSync(file('link.nii'));
  });
});

describe('the channels of a volume of several modalities', () => {
  const find = (...words: string[]) => findVolumes(words, ['FLAIR', 'T1']);
  const [flair, t1] = [volume('flair/p_0000.nii.gz'), volume('adc/p_0001.nii.gz')];

  it('go by their number, wherever they lie and in whatever order they are named', async () => {
    for (const words of [
      [flair, t1],
      [t1, flair],
    ])
      expect(await find(...words)).toEqual([{ id: 'p', files: [flair, t1] }]);
  });

  it('are kept apart by their folder where two patients have one name', async () => {
    const files = ['a/p_0000', 'a/p_0001', 'b/p_0001', 'b/p_0000'].map((name) => volume(`twins/${name}.nii.gz`));
    expect(await find(...files)).toEqual([
      { id: 'p', files: files.slice(0, 2) },
      { id: 'p', files: [files[3], files[2]] },
    ]);
  });

  it('go together the same in whatever order files are named', () => {
    const names = ['a/p_0000', 'a/p_0001', 'b/p_0000', 'b/p_0001', 'c/q_0001', 'd/q_0000'];
    const files = names.map((name) => ({ file: `${name}.nii.gz`, channels: 1 }));
    const grouped = (given: typeof files) =>
      groupChannels(given, ['FLAIR', 'T1'])
        .map((group) => group.files.join())
        .sort();
    fc.assert(
      fc.property(fc.shuffledSubarray(files, { minLength: files.length }), (shuffled) => {
        expect(grouped(shuffled)).toEqual(grouped(files));
      }),
    );
  });

  it('are a file of their own where one has them all, whatever its name ends in', async () => {
    const whole = ['case_0003', 'case_0004'].map((name) => volume(`whole/${name}.nii.gz`, 2));
    expect(await find(...whole)).toEqual([
      { id: 'case_0003', files: [whole[0]] },
      { id: 'case_0004', files: [whole[1]] },
    ]);
  });

  it.each([
    ['is missing', ['m/p_0000.nii.gz'], /lacks T1 \(p_0001\)/],
    [
      'is missing of each of two patients',
      ['x/p_0000.nii.gz', 'y/p_0000.nii.gz'],
      /x\/p_0000.nii.gz: the volume lacks T1/,
    ],
    ['is there twice', ['d/p_0000.nii.gz', 'd/p_0000.nii', 'd/p_0001.nii.gz'], /are both FLAIR of p/],
    [
      'is of no modality',
      ['e/p_0000.nii.gz', 'e/p_0001.nii.gz', 'e/p_0002.nii.gz'],
      /channel 2, but the modalities are 0000 FLAIR, 0001 T1/,
    ],
    ['has no number', ['n/p.nii.gz'], /1 of the 2 channels of a volume \(FLAIR, T1\), and its name does not say which/],
  ])('are refused by the name of the modality where one %s', async (_, names, message) => {
    await expect(find(...names.map((name) => volume(`refused/${name}`)))).rejects.toThrow(message);
  });
});

it('of a pair of files both are read, of anything else the file', () => {
  for (const name of ['pair.hdr', 'pair.img.gz', 'pair2.img']) writeFileSync(file(name), '');
  expect(filesRead([file('pair.hdr'), file('p.png')])).toEqual([file('pair.hdr'), file('pair.img.gz'), file('p.png')]);
});

it('pictures are files, all in a folder, or those that match', () => {
  expect(findImages([file('note.txt')])).toEqual([file('note.txt')]);
  expect(findImages([folder])).toEqual([file('p.png'), file('q.JPG')]);
  expect(findImages([file('p*.png')])).toEqual([file('p.png')]);
  expect(() => findImages([file('z*')])).toThrow(/matches no image/);
});
