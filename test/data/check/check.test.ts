/** @file Checks: CamVid's published numbers, and one broken folder with every kind of problem. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkDataSet } from '../../../src/data/check/check.ts';
import { classWeights } from '../../../src/data/classWeights.ts';
import { openDataSet } from '../../../src/data/detect.ts';
import { encodePng } from '../../../src/data/images/png.ts';
import { createSceneSet } from '../../../src/data/scenes/sceneSet.ts';
import { hasRealData, realData } from '../realData.ts';

describe.skipIf(!hasRealData)('camvid', () => {
  it('has the counts, sizes, shares and weights of its table, and no problem', async () => {
    const report = await checkDataSet(await openDataSet(realData('camvid')));
    expect(report.problems).toEqual([]);
    expect(report.counts).toEqual({ train: { listed: 367, read: 367 }, val: { listed: 51, read: 51 } });
    expect(report.rank === 2 && report.sizes).toEqual([{ width: 480, height: 360, count: 418 }]);
    const shares = [16.85, 23.26, 0.98, 31.66, 4.49, 9.72, 1.17, 1.13, 5.87, 0.64, 0.29];
    for (let id = 0; id < 11; id++) expect(report.classShares[id] * 100).toBeCloseTo(shares[id], 1);
    expect(report.ignoredShare * 100).toBeCloseTo(3.95, 1);
    const weights = [0.279, 0.202, 4.789, 0.149, 1.0, 0.424, 3.846, 1.98, 0.789, 6.385, 8.819];
    const got = classWeights(report.classFrequencies, 'median');
    for (let id = 0; id < 11; id++) expect(got[id]).toBeCloseTo(weights[id], 2);
  });
});

describe('checkDataSet', () => {
  it('reads at most the limit, evenly', async () => {
    const report = await checkDataSet(createSceneSet({ width: 64, height: 48 }), { limit: 20 });
    expect(report.counts).toEqual({ train: { listed: 400, read: 20 }, val: { listed: 80, read: 20 } });
    expect(report.classShares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
    expect(report.problems).toEqual([]);
  });

  it('finds and names what is wrong', async () => {
    const root = mkdtempSync(join(tmpdir(), 'espalier-check-'));
    const write = (path: string, content: string | Uint8Array): void => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    };
    const picture = encodePng({ width: 2, height: 2, channels: 3, data: Uint8Array.from({ length: 12 }, (_, i) => i) });
    const mask = (...data: number[]) => encodePng({ width: 2, height: 2, channels: 1, data: Uint8Array.from(data) });
    write('data.yaml', 'classes: [back, front, never]\n');
    for (const name of ['good', 'cut', 'small', 'values', 'colour', 'alone'])
      write(`images/train/${name}.png`, picture);
    write('images/val/good.png', picture);
    write('masks/val/good.png', mask(0, 1, 1, 255));
    write('masks/train/good.png', mask(0, 1, 1, 255));
    write('masks/train/cut.png', mask(0, 1, 1, 255).subarray(0, 40));
    write('masks/train/small.png', encodePng({ width: 1, height: 1, channels: 1, data: new Uint8Array(1) }));
    write('masks/train/values.png', mask(0, 7, 9, 1));
    write('masks/train/colour.png', picture);
    write('masks/train/unused.png', mask(0, 0, 0, 0));
    const { problems } = await checkDataSet(await openDataSet(root, { allowUnpaired: true }));
    const messages = problems.map(({ severity, file, message }) => `${severity} ${file.slice(root.length)} ${message}`);
    const expected = [
      /error \/masks\/train\/cut\.png ends before|error \/masks\/train\/cut\.png chunk/,
      /error \/masks\/train\/small\.png is 1x1, its image 2x2/,
      /error \/masks\/train\/values\.png label values 7, 9 belong to none of the 3 classes/,
      /error \/masks\/train\/colour\.png expected a label file of one channel, got 3 channels/,
      /warning \/images\/train\/alone\.png has no partner/,
      /warning \/masks\/train\/unused\.png has no partner/,
      /warning .*class 2 \(never\) occurs in none/,
    ];
    for (const pattern of expected)
      expect(messages.filter((message) => pattern.test(message)).length, `${pattern}`).toBe(1);
    expect(problems.length).toBe(expected.length);
    rmSync(root, { recursive: true });
  });

  it('hints at masks of 0 and 255', async () => {
    const root = mkdtempSync(join(tmpdir(), 'espalier-check-'));
    const bytes = encodePng({ width: 2, height: 1, channels: 1, data: Uint8Array.of(0, 255) });
    for (const path of ['images/a.png', 'images/b.png', 'masks/a.png', 'masks/b.png']) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), bytes);
    }
    const { problems } = await checkDataSet(await openDataSet(root));
    expect(problems).toMatchObject([
      { severity: 'warning', message: expect.stringMatching(/0 and 255 only: read as two classes/) },
    ]);
    writeFileSync(join(root, 'data.yaml'), 'classes: [background, object]\n');
    const named = (await checkDataSet(await openDataSet(root))).problems;
    expect(named.map(({ severity, message, others }) => [severity, message, others?.length])).toEqual([
      ['error', 'is one of train masks that hold one class (background), at least two are expected', undefined],
      ['warning', 'holds only 0 and 255, and 255 is ignored', 1],
      ['warning', 'class 1 (object) occurs in none of the 1 train samples that were read', undefined],
    ]);
    expect(named[0].fix).toContain('classes: {0: background, 255: object}');
    rmSync(root, { recursive: true });
  });
});

describe('classWeights', () => {
  it('are the median over the share, its root, or one', () => {
    expect(classWeights([0.4, 0.1, 0.2, 0], 'median')).toEqual([0.5, 2, 1, 1]);
    expect(classWeights([0.4, 0.1], 'sqrt').map((value) => value ** 2)).toEqual([
      expect.closeTo(0.625, 9),
      expect.closeTo(2.5, 9),
    ]);
    expect(classWeights([0.4, 0], 'none')).toEqual([1, 1]);
  });
});

describe('labels that were written another way', () => {
  /** What is said of masks `[2, 2]` with and without named classes. */
  const problemsOf = async (masks: Uint8Array[], yaml?: string) => {
    const root = mkdtempSync(join(tmpdir(), 'espalier-check-'));
    try {
      const picture = encodePng({
        width: 2,
        height: 2,
        channels: 3,
        data: Uint8Array.from({ length: 12 }, (_, i) => i),
      });
      for (const folder of ['images/train', 'masks/train', 'images/val', 'masks/val'])
        mkdirSync(join(root, folder), { recursive: true });
      masks.forEach((mask, i) => {
        for (const split of ['train', 'val']) {
          writeFileSync(join(root, 'images', split, `${i}.png`), picture);
          writeFileSync(join(root, 'masks', split, `${i}.png`), mask);
        }
      });
      if (yaml) writeFileSync(join(root, 'data.yaml'), yaml);
      return (await checkDataSet(await openDataSet(root, { allowUnpaired: true }))).problems;
    } finally {
      rmSync(root, { recursive: true });
    }
  };
  const grey = (...data: number[]) => encodePng({ width: 2, height: 2, channels: 1, data: Uint8Array.from(data) });
  const rgb = (...colours: number[][]) =>
    encodePng({ width: 2, height: 2, channels: 3, data: Uint8Array.from(colours.flat()) });

  it('ids from 1, with named classes and without', async () => {
    const named = await problemsOf([grey(1, 2, 2, 3), grey(1, 1, 2, 3)], 'classes: [a, b, c]\n');
    expect(named.find(({ severity }) => severity === 'error')).toMatchObject({
      message: 'label values 3 belong to none of the 3 classes',
      fix: expect.stringMatching(/ids from 1: name the values in data.yaml, `classes: \{1: ..., 3: ...\}`/),
    });
    const unnamed = await problemsOf([grey(1, 2, 2, 3), grey(1, 1, 2, 3)]);
    expect(unnamed).toHaveLength(1);
    expect(unnamed[0]).toMatchObject({
      severity: 'warning',
      message: 'value 0 occurs in none of the 2 train masks that were read',
      fix: expect.stringMatching(/ids from 1/),
    });
    expect(await problemsOf([grey(0, 1, 1, 2)])).toEqual([]);
    // The fix mends it.
    expect(await problemsOf([grey(1, 2, 2, 3)], 'classes: {1: a, 2: b, 3: c}\nignore: 0\n')).toEqual([]);
  });

  it('0 and 255', async () => {
    const problems = await problemsOf([grey(0, 255, 0, 255)], 'classes: [back, front]\n');
    expect(problems[1]).toMatchObject({ message: 'holds only 0 and 255, and 255 is ignored' });
    expect(problems[1].fix).toContain('classes: {0: background, 255: object}');
    expect(await problemsOf([grey(0, 255, 0, 255)])).toMatchObject([{ severity: 'warning' }]);
    expect(await problemsOf([grey(0, 255, 0, 255)], 'classes: {0: background, 255: object}\n')).toEqual([]);
  });

  it('the palette applied, and other colours', async () => {
    const yaml = 'classes: [a, b, c]\n';
    const [applied] = await problemsOf([rgb([0, 0, 0], [128, 0, 0], [0, 128, 0], [224, 224, 192])], yaml);
    expect(applied).toMatchObject({ severity: 'error', fix: expect.stringMatching(/VOC palette applied/) });
    const [colours] = await problemsOf([rgb([0, 0, 0], [1, 2, 3], [0, 128, 0], [0, 0, 0])], yaml);
    expect(colours).toMatchObject({
      severity: 'error',
      fix: expect.stringMatching(/shows colours instead of class ids/),
    });
  });
});
