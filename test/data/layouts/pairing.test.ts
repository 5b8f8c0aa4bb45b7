/** @file Images and masks by name: names of every script, one folder or two, and what is said when names differ. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MASK_ENDINGS, pairFolders, unpairedOf } from '../../../src/data/layouts/pairing.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';

/** Empty files: pairing looks at names only. */
function touch(root: string, paths: readonly string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), '');
  }
}

const pairs = async (root: string, images = 'images', masks = 'masks') => {
  const { samples, alone, unused } = await pairFolders(join(root, images), join(root, masks), '');
  const below = (file: string) => file.slice(root.length + 1);
  return {
    pairs: Object.fromEntries(
      samples.flatMap(({ source }) =>
        source.kind === 'files' ? [[below(source.image), below(source.label ?? '')] as const] : [],
      ),
    ),
    alone: alone.map(below),
    unused: unused.map(below),
  };
};

const FORMS = ['NFC', 'NFD'] as const;
/** Names with marks, letters of several scripts, emoji, spaces and dots, none of them hidden or taken for another. */
const word = fc
  .array(
    fc.constantFrom(
      'a',
      'B',
      'ü',
      'ß',
      'é',
      'Å',
      'ñ',
      '日',
      '本',
      'ж',
      'ä',
      '한',
      '😀',
      '👩‍🔬',
      ' ',
      '.',
      '-',
      '_',
      '1',
      'mask',
      '_mask',
      'L',
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) => `x${parts.join('')}`);
const names = fc.uniqueArray(word, { minLength: 1, maxLength: 6, selector: (name) => name.normalize('NFC') });

describe('names of any script', () => {
  it('pair by name in two folders, whatever form of Unicode either has', async () => {
    await fc.assert(
      fc.asyncProperty(
        names,
        fc.constantFrom(...FORMS),
        fc.constantFrom(...FORMS),
        fc.boolean(),
        async (list, own, other, whole) => {
          const root = temporaryFolder();
          touch(
            root,
            list.map((name) => `images/${name.normalize(own)}.jpg`),
          );
          touch(
            root,
            list.map((name) => `masks/${name.normalize(other)}${whole ? '.jpg' : ''}.png`),
          );
          const found = await pairs(root);
          expect([found.alone, found.unused]).toEqual([[], []]);
          for (const [image, label] of Object.entries(found.pairs)) {
            expect(basename(label).normalize('NFC')).toBe(
              `${basename(image, '.jpg').normalize('NFC')}${whole ? '.jpg' : ''}.png`,
            );
          }
          expect(Object.keys(found.pairs)).toHaveLength(list.length);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('pair with every mask ending, in two folders and in one, and never with themselves', async () => {
    // Names that end like a mask say nothing of themselves where masks lie beside them.
    const plain = names.map((list) => list.filter((name) => !MASK_ENDINGS.some((end) => name.endsWith(end))));
    await fc.assert(
      fc.asyncProperty(
        plain,
        fc.constantFrom(...MASK_ENDINGS),
        fc.boolean(),
        async (list: string[], ending, together) => {
          fc.pre(list.length > 0);
          const root = temporaryFolder();
          const masks = together ? 'images' : 'masks';
          touch(
            root,
            list.map((name) => `images/${name}.png`),
          );
          touch(
            root,
            list.map((name) => `${masks}/${name}${ending}.png`),
          );
          const found = await pairs(root, 'images', masks);
          expect(found.pairs).toEqual(
            Object.fromEntries(list.map((name) => [`images/${name}.png`, `${masks}/${name}${ending}.png`])),
          );
          expect([found.alone, found.unused]).toEqual([[], []]);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('a mask belongs to one image', () => {
  it('to the one of its name before one that it extends', async () => {
    const root = temporaryFolder();
    touch(root, ['images/a.png', 'images/a_L.png', 'masks/a.png', 'masks/a_L.png']);
    expect((await pairs(root)).pairs).toEqual({ 'images/a.png': 'masks/a.png', 'images/a_L.png': 'masks/a_L.png' });
  });

  it('and what is the mask of another image is no image', async () => {
    const root = temporaryFolder();
    touch(root, ['images/a.png', 'images/a_mask.png', 'images/b.png', 'masks/a_mask.png', 'masks/b.png']);
    expect(await pairs(root)).toEqual({
      pairs: { 'images/a.png': 'masks/a_mask.png', 'images/b.png': 'masks/b.png' },
      alone: [],
      unused: [],
    });
  });

  it('a mask without its image is left over, not an image', async () => {
    const root = temporaryFolder();
    touch(root, ['data/a.png', 'data/a_mask.png', 'data/b_mask.png', 'data/c.png']);
    expect(await pairs(root, 'data', 'data')).toEqual({
      pairs: { 'data/a.png': 'data/a_mask.png' },
      alone: ['data/c.png'],
      unused: ['data/b_mask.png'],
    });
  });

  it('folders may lie in one another', async () => {
    const root = temporaryFolder();
    touch(root, ['data/a.png', 'data/masks/a.png', 'set/a.png', 'set/images/a.png']);
    expect((await pairs(root, 'data', 'data/masks')).pairs).toEqual({ 'data/a.png': 'data/masks/a.png' });
    expect((await pairs(root, 'set/images', 'set')).pairs).toEqual({ 'set/images/a.png': 'set/a.png' });
  });
});

describe('what is said', () => {
  const message = async (images: string[], masks: string[], allowUnpaired = false) => {
    const root = temporaryFolder();
    mkdirSync(join(root, 'masks'));
    touch(root, [...images.map((name) => `images/${name}`), ...masks.map((name) => `masks/${name}`)]);
    try {
      const pairing = await pairFolders(join(root, 'images'), join(root, 'masks'), '');
      return [...unpairedOf([pairing], { allowUnpaired }), ...(pairing.notes ?? [])].join().replaceAll(`${root}/`, '');
    } catch (error) {
      return (error as Error).message.replaceAll(`${root}/`, '');
    }
  };

  it.each<[string[], string[], RegExp]>([
    [
      ['IMG_1.png'],
      ['img_1.png'],
      /^none of the images has a mask, such as images\/IMG_1.png \(masks\/img_1.png differs in upper and lower case\)/,
    ],
    [['a_sat.png'], ['a_road.png'], /the nearest name is masks\/a_road.png\); a mask has the name of its image/],
    [['a.png', 'b.png'], ['a.png'], /^1 of 2 images have no mask, such as images\/b.png; /],
    [
      ['a.png'],
      ['a.json', 'b.json'],
      /^masks: expected masks, got 2 .json files; polygons are read as COCO, .*; boxes are no masks/,
    ],
    [['a.png'], ['a.txt'], /^masks: expected masks, got 1 .txt file;/],
    [['a.png'], ['a.bmp'], /^masks: holds no masks that are read, but 1 .bmp file;/],
    [['a.png'], [], /^masks: holds no masks; masks are PNG or TIFF/],
    [
      ['a.bmp', 'b.bmp'],
      ['a.png'],
      /^images: holds no images that are read, but 2 .bmp files; images are .png .* convert/,
    ],
    [['a.png', 'a.jpg'], ['a.png'], /^images\/a.jpg and images\/a.png have one name; rename/],
    [['ü.png'.normalize('NFC'), 'ü.png'.normalize('NFD')], ['a.png'], /have one name/],
    [['a.png', 'b.bmp'], ['a.png'], /^images: 1 .bmp file not read: images are/],
  ])('of %j with %j', async (images, masks, expected) => {
    expect(await message(images, masks)).toMatch(expected);
  });

  it('of a data set to check, where some have partners', async () => {
    expect(await message(['a.png', 'b.png'], ['a.png', 'c.png'], true)).toBe('images/b.png,masks/c.png');
    expect(await message(['b.png'], ['c.png'], true)).toMatch(/none of the images has a mask/);
  });
});
