/** @file File names made of texts: every text gets its own, whatever it is made of. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { distinctNames, fileName, namesOfFiles } from '../../src/base/names.ts';

const ENDINGS = ['.png', '_colour.png', '_overlay.png'];

it('letters of every script, marks, numbers and emoji stay', () => {
  for (const name of ['กี', 'กิ', 'प्रति', 'می‌خواهم', 'ÅÄÖ_1.2-3', '🐱', '👩🏽‍⚕️', '🇪🇸', '日本', 'e\u0301'])
    expect(fileName(name)).toBe(name);
  expect(fileName('a/b\\c:d*e?"<>|\n')).toBe('a_b_c_d_e_');
  expect(fileName('..')).toBe('_');
  expect(fileName('.hidden')).toBe('_hidden');
  expect(fileName('')).toBe('_');
});

it('a name that is long is cut, not inside a letter', () => {
  const name = fileName('👩🏽‍⚕️'.repeat(100));
  expect(Buffer.byteLength(name)).toBeLessThanOrEqual(160);
  expect(name.length % '👩🏽‍⚕️'.length).toBe(0);
  const [a, b] = distinctNames([`${'x'.repeat(300)}1`, `${'x'.repeat(300)}2`]);
  expect(a).not.toBe(b);
});

/** Short texts of few letters collide often. */
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'A', '_', '-', '2', ' ', '/', '.', 'é', 'e\u0301', '🐱', 'ß'), maxLength: 4 }),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.constantFrom('a', 'a_colour', 'a_colour-2', 'a_overlay', 'a_overlay-2', 'a-2'),
);

it('any texts get different names, on disk and where a system ignores case and composition', () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 12 }), (texts) => {
      const names = distinctNames(texts, ENDINGS);
      const files = names.flatMap((name) => ENDINGS.map((ending) => name + ending));
      expect(new Set(files.map((file) => file.normalize('NFC').toLowerCase())).size).toBe(files.length);
      for (const file of files) {
        expect(file).not.toMatch(/[/\\\p{Cc}:*?"<>|]|^\./u);
        expect(Buffer.byteLength(file)).toBeLessThanOrEqual(255 - 42);
      }
    }),
    { numRuns: 500 },
  );
});

it('the disk takes them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-names-'));
  try {
    const texts = fc.sample(text, { numRuns: 200, seed: 1 });
    const names = distinctNames(texts);
    for (const name of names) writeFileSync(join(folder, name), '', { flag: 'wx' });
    expect(readdirSync(folder)).toHaveLength(texts.length);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('many equal texts are numbered in time that grows with their number', () => {
  const names = distinctNames(Array(20_000).fill('a'), ENDINGS);
  expect(new Set(names).size).toBe(20_000);
  expect([names[0], names[1], names[19_999]]).toEqual(['a', 'a-2', 'a-20000']);
});

it('files of one name keep what tells them apart: a folder, else the ending', () => {
  const name = (...files: string[]) =>
    namesOfFiles(
      files,
      files.map((file) => file.slice(file.lastIndexOf('/') + 1).replace(/\.[^.]*$/, '')),
      ENDINGS,
    );
  expect(name('cam1/0001.png', 'cam2/0001.png', 'b.png')).toEqual(['cam1_0001', 'cam2_0001', 'b']);
  expect(name('x/left/a.png', 'y/left/a.png')).toEqual(['x_left_a', 'y_left_a']);
  expect(name('d/a.png', 'd/a.jpg')).toEqual(['a_png', 'a_jpg']);
  expect(name('d/IMG (1).png', 'd/IMG_1_.png')).toEqual(['IMG_1_-2', 'IMG_1_']);
  expect(name('d/a.png', 'd/a_colour.png')).toEqual(['a', 'a_colour-2']);
});
