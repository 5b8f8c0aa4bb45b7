import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findPictures, findVolumes } from '../../src/cli/inputs.ts';

const folder = mkdtempSync(join(tmpdir(), 'espalier-inputs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (...path: string[]) => join(folder, ...path);
mkdirSync(file('series'));
mkdirSync(file('two'));
for (const name of ['b.nii.gz', 'a.nii', '._a.nii', 'note.txt', 'p.png', 'q.JPG']) writeFileSync(file(name), '');
for (const name of ['IM1', 'IM2']) writeFileSync(file('series', name), '');
for (const name of ['x_0001.nii.gz', 'x_0000.nii.gz', 'y_0000.nii.gz']) writeFileSync(file('two', name), '');

describe('volumes that words name', () => {
  it('are files, folders of them, folders of slices, and patterns', async () => {
    expect(await findVolumes([file('b.nii.gz')], 1)).toEqual([{ id: 'b', files: [file('b.nii.gz')] }]);
    expect((await findVolumes([file('series')], 1)).map(({ id, files }) => [id, files])).toEqual([
      ['series', [file('series')]],
    ]);
    expect((await findVolumes([folder], 1)).map(({ id }) => id)).toEqual(['a', 'b', 'series', 'two']);
    expect((await findVolumes([file('*.nii')], 1)).map(({ id }) => id)).toEqual(['a']);
    await expect(findVolumes([file('c*')], 1)).rejects.toThrow(/matches no volume/);
    await expect(findVolumes([file('c.nii')], 1)).rejects.toThrow(/no such file/);
  });

  it('have a file a channel where there are several modalities', async () => {
    expect(await findVolumes([file('two')], 2)).toEqual([
      { id: 'x', files: [file('two', 'x_0000.nii.gz'), file('two', 'x_0001.nii.gz')] },
      { id: 'y', files: [file('two', 'y_0000.nii.gz')] },
    ]);
  });

  it('that would be written to one file are refused', async () => {
    await expect(findVolumes([file('a.nii'), file('a.nii')], 1)).rejects.toThrow(/are both called a/);
  });
});

it('pictures are files, all in a folder, or those that match', () => {
  expect(findPictures([file('note.txt')])).toEqual([file('note.txt')]);
  expect(findPictures([folder])).toEqual([file('p.png'), file('q.JPG')]);
  expect(findPictures([file('p*')])).toEqual([file('p.png')]);
  expect(() => findPictures([file('z*')])).toThrow(/matches no image/);
});
