/**
 * @file Every problem that the check of images reports, each from a small data set that has it and nothing else: the severity, the words, and a fix
 * that removes it where one can be written down.
 */
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { checkDataSet } from '../../../src/data/check/check.ts';
import type { DataProblem } from '../../../src/data/check/parts.ts';
import { openDataSet } from '../../../src/data/detect.ts';
import { encodePng } from '../../../src/data/images/png.ts';
import type { Colour, ImageSet } from '../../../src/data/types.ts';
import { encodeBandTiff } from '../../helpers/bandTiff.mjs';
import { IMAGE, mask, writeFiles } from '../../helpers/imageSets.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';
import { encodeTiff } from '../../helpers/tiff.ts';

type Files = Record<string, string | Uint8Array>;

const YAML = 'classes: [ground, disc]\n';
/** A sound data set of two samples a split. */
const SOUND: Files = {
  'data.yaml': YAML,
  ...Object.fromEntries(
    ['train/a', 'train/b', 'val/c', 'val/d'].flatMap((name) => [
      [`images/${name}.png`, IMAGE],
      [`masks/${name}.png`, mask(0, 1)],
    ]),
  ),
};
const allMasks = (content: Uint8Array): Files =>
  Object.fromEntries(Object.keys(SOUND).flatMap((path) => (path.startsWith('masks') ? [[path, content]] : [])));

async function problemsOf(files: Files, without: readonly string[] = [], limit?: number): Promise<DataProblem[]> {
  const root = temporaryFolder();
  writeFiles(
    root,
    Object.fromEntries(Object.entries({ ...SOUND, ...files }).filter(([path]) => !without.includes(path))),
  );
  const dataset = await openDataSet(root, { allowUnpaired: true });
  const { problems } = await checkDataSet(dataset, limit === undefined ? {} : { limit });
  return problems.map((problem) => ({
    ...problem,
    file: problem.file.replace(`${root}/`, ''),
    message: problem.message.replaceAll(`${root}/`, ''),
  }));
}

const indexed = (values: number[], palette: Colour[]) =>
  encodePng({ width: 2, height: 1, channels: 1, data: Uint8Array.from(values) }, palette);
const RED: Colour = [200, 0, 0];
const BLUE: Colour = [0, 0, 200];
const black = encodePng({ width: 2, height: 1, channels: 3, data: new Uint8Array(6) });
const turned = await sharp(Uint8Array.of(9, 8, 7, 1, 2, 3), { raw: { width: 2, height: 1, channels: 3 } })
  .withMetadata({ orientation: 3 })
  .webp()
  .toBuffer();
const deep = await sharp(Uint16Array.of(0, 900), { raw: { width: 2, height: 1, channels: 1 } })
  .toColourspace('grey16')
  .png()
  .toBuffer();
/** Of the first image the second channel says nothing. */
const twoBands = (place: number) =>
  encodeBandTiff({ width: 2, height: 1, channels: 2, data: Uint8Array.of(1, 7, 2 + place, 7 + place) });
const pages = encodeTiff({ width: 2, height: 1, pages: [Uint8Array.of(1, 2), Uint8Array.of(3, 4)] });

/** What is written over the sound data set, what is left out, and the problem that follows. */
const PROBLEMS: [severity: DataProblem['severity'], message: RegExp, files: Files, without?: string[]][] = [
  ['error', /^masks\/train\/a.png is 1x1, its image 2x1$/, { 'masks/train/a.png': mask(0) }],
  [
    'error',
    /^masks\/train\/a.png label values 9 belong to none of the 2 classes$/,
    { 'masks/train/a.png': mask(0, 9) },
  ],
  [
    'error',
    /^masks\/train\/a.png ends before|^masks\/train\/a.png chunk/,
    { 'masks/train/a.png': mask(0, 1).subarray(0, 40) },
  ],
  ['error', /^images\/train\/a.png is no PNG, JPEG, WebP or TIFF$/, { 'images/train/a.png': 'text' }],
  ['error', /^masks\/train\/a.png expected a label file of one channel, got 3/, { 'masks/train/a.png': IMAGE }],
  [
    'error',
    /^masks\/train\/b.png shows index 1 as \[0,0,200\], and masks\/train\/a.png as \[200,0,0\]/,
    {
      'masks/train/a.png': indexed([0, 1], [[0, 0, 0], RED]),
      'masks/train/b.png': indexed([0, 1], [[0, 0, 0], BLUE]),
    },
  ],
  [
    'error',
    /expected at least two classes, got one \(ground\)$/,
    { 'data.yaml': 'classes: [ground]\n', ...allMasks(mask(0, 0)) },
  ],
  [
    'error',
    /^masks\/train\/a.png is one of train masks that hold one class \(ground\), at least two are expected$/,
    allMasks(mask(0, 0)),
  ],
  ['error', /^masks\/train\/a.png is one of train masks that hold no class/, { ...allMasks(mask(255, 255)) }],
  ['warning', /^masks\/train\/a.png holds only 0 and 255, and 255 is ignored$/, { 'masks/train/a.png': mask(0, 255) }],
  ['warning', /^images\/train\/a.png has no partner of the same name$/, {}, ['masks/train/a.png']],
  [
    'warning',
    /^images\/train\/a.png has no partner of the same name \(masks\/train\/A.png differs in upper and lower case\)$/,
    { 'masks/train/A.png': mask(0, 1) },
    ['masks/train/a.png'],
  ],
  [
    'warning',
    /^images\/train\/e.tif has 2 pages, of which only the first is read$/,
    { 'images/train/e.tif': pages, 'masks/train/e.png': mask(0, 1) },
  ],
  [
    'warning',
    /^images\/train\/a.png has 16 bits a sample and uses 10 of them/,
    { 'images/train/a.png': deep, 'data.yaml': `${YAML}channels: rgb\n` },
  ],
  [
    'error',
    /^images\/train\/b.png expected 1 channel \(grey\) of 16 bits, as in images\/train\/a.png, got \d channels? of 8 bits$/,
    { 'images/train/a.png': deep },
  ],
  [
    'warning',
    /^images\/train\/a.tif has 7 everywhere in the channel nir$/,
    {
      'data.yaml': `${YAML}channels: [red, nir]\n`,
      ...Object.fromEntries(
        ['train/a', 'train/b', 'val/c', 'val/d'].map((name, i) => [`images/${name}.tif`, twoBands(i)]),
      ),
    },
    ['images/train/a.png', 'images/train/b.png', 'images/val/c.png', 'images/val/d.png'],
  ],
  ['warning', /^images\/train\/a.png shows one colour everywhere \(0, 0, 0\)$/, { 'images/train/a.png': black }],
  [
    'warning',
    /^images\/train\/a.png is turned upright by its EXIF orientation 3, and its mask with it$/,
    { 'images/train/a.png': turned },
  ],
  [
    'warning',
    /class 2 \(bar\) occurs in none of the 2 train samples/,
    { 'data.yaml': 'classes: [ground, disc, bar]\n' },
  ],
  [
    'warning',
    /2 classes, 2 \(bar\), 3 \(box\), occur in none of the 2 train/,
    { 'data.yaml': 'classes: [ground, disc, bar, box]\n' },
  ],
  ['warning', /value 0 occurs in none of the 2 train masks/, allMasks(mask(1, 2)), ['data.yaml']],
  ['warning', /the masks hold 0 and 255 only: read as two classes/, allMasks(mask(0, 255)), ['data.yaml']],
  ['warning', /`valShare` of data.yaml is not used/, { 'data.yaml': `${YAML}valShare: 0.1\n` }],
  ['warning', /images\/train: 1 .bmp file not read/, { 'images/train/x.bmp': 'BM' }],
];

describe('the check of images', () => {
  it('finds nothing in a sound data set', async () => {
    expect(await problemsOf({})).toEqual([]);
  });

  it.each(PROBLEMS)('%s %s', async (severity, message, files, without = []) => {
    const problems = await problemsOf(files, without);
    const found = problems.filter((problem) => message.test(`${problem.file} ${problem.message}`));
    expect(found, JSON.stringify(problems)).toHaveLength(1);
    expect(found[0].severity).toBe(severity);
    expect(found[0].fix).not.toBe('');
    // What follows from it may be reported, too: nothing else.
    const others = problems.filter((problem) => problem !== found[0]);
    expect(
      others.filter(({ message: other }) => !/occurs? in none|holds only 0 and 255|differs in upper/.test(other)),
    ).toEqual([]);
  });

  it('reports what is the same for many files once, with an example and the others', async () => {
    const many: Files = {};
    for (let i = 0; i < 60; i++) {
      many[`images/train/${i}.png`] = IMAGE;
      many[`masks/train/${i}.png`] = mask(0, 7);
      many[`images/val/alone${i}.png`] = IMAGE;
    }
    const problems = await problemsOf(many);
    expect(problems.map(({ severity, others = [] }) => [severity, others.length])).toEqual([
      ['error', 59],
      ['warning', 59],
    ]);
  });

  it('reports splits that are empty or share samples', async () => {
    const root = temporaryFolder();
    writeFiles(root, SOUND);
    const dataset = (await openDataSet(root)) as ImageSet;
    const { train } = dataset.splits;
    const shared = await checkDataSet({ ...dataset, splits: { train, val: train } });
    expect(shared.problems).toMatchObject([
      { severity: 'warning', message: 'is in train and in val', others: [train[1].id] },
    ]);
    const empty = await checkDataSet({ ...dataset, splits: { train, val: [] } });
    expect(empty.problems).toMatchObject([{ severity: 'error', message: 'val is empty' }]);
    const unlabelled = train.map(({ id, source }) =>
      source.kind === 'files' ? { id, source: { kind: 'files' as const, image: source.image } } : { id, source },
    );
    const bare = await checkDataSet({ ...dataset, splits: { train: unlabelled, val: dataset.splits.val } });
    expect(bare.problems).toMatchObject([{ severity: 'error', message: 'has no labels' }]);
  });
});
