import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkDataSet } from '../../../src/data/check/check.ts';
import { openDataSet } from '../../../src/data/detect.ts';
import { createNiftiHeader, encodeNifti } from '../../../src/data/nifti/encode.ts';
import { withFields } from '../../../src/data/nifti/header.ts';
import type { Affine } from '../../../src/data/volume.ts';
import type { Fingerprint, Spread } from '../../../src/data/volumes/fingerprint.ts';
import { createPhantomSet } from '../../../src/data/volumes/phantomSet.ts';
import { formatPlan, patchFor, planVolumes } from '../../../src/data/volumes/plan.ts';
import { MAIN, runCommand } from '../../helpers/cli.ts';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'espalier-check3d-'));
});
afterAll(() => rmSync(root, { recursive: true }));

const LAS: Affine = [
  [-1, 0, 0, 3],
  [0, 2, 0, 0],
  [0, 0, 3, 0],
  [0, 0, 0, 1],
];
const MOVED: Affine = LAS.map((row, i): Affine[number] => (i === 1 ? [row[0], row[1], row[2], 9] : row));

describe('checkDataSet on volumes', () => {
  it('finds and names what is wrong', async () => {
    const write = (path: string, content: Uint8Array | string): void => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    };
    const image = (shape = [4, 5, 6]) =>
      encodeNifti(
        createNiftiHeader({ shape, affine: LAS, type: 'float32' }),
        new Float32Array(shape.reduce((a, b) => a * b)).map((_, i) => i % 11),
      );
    const label = (value: (i: number) => number, shape = [4, 5, 6], affine = LAS) =>
      encodeNifti(
        createNiftiHeader({ shape, affine, type: 'float32' }),
        new Float32Array(shape.reduce((a, b) => a * b)).map((_, i) => value(i)),
      );
    const sound = (i: number) => i % 2;
    const files: Record<string, [image: Uint8Array, label: Uint8Array]> = {
      a: [image(), label(sound)],
      b: [image(), label(sound, [4, 5, 5])],
      c: [image(), label(sound, [4, 5, 6], MOVED)],
      d: [image(), label((i) => (i === 3 ? 0.5 : 0))],
      e: [image(), label((i) => (i === 3 ? 9 : 0))],
      f: [image([4, 5, 6, 2]), label(sound)],
      g: [image(), label(() => 0)],
      h: [image().subarray(0, 100), label(sound)],
      i: [
        encodeNifti(
          withFields(createNiftiHeader({ shape: [4, 5, 6], affine: LAS }), {
            sformCode: [0],
            qformCode: [1],
            pixdim: [1, 1, 1, 0],
          }),
          new Uint8Array(120),
        ),
        label(sound),
      ],
    };
    for (const [name, [volume, labels]] of Object.entries(files)) {
      write(`imagesTr/${name}.nii.gz`, volume);
      write(`labelsTr/${name}.nii.gz`, labels);
    }
    write('imagesTr/lonely.nii.gz', image());
    write(
      'dataset.json',
      JSON.stringify({ modality: { 0: 'CT' }, labels: { 0: 'background', 1: 'liver', 2: 'never' } }),
    );
    const report = await checkDataSet(await openDataSet(root, { allowUnpaired: true }));
    const lines = report.problems.map(
      ({ severity, file, message }) => `${severity} ${file.replace(`${root}/`, '')} ${message}`,
    );
    const wanted = [
      /^error labelsTr\/b.nii.gz has 4x5x5 voxels/,
      /^error labelsTr\/c.nii.gz lies elsewhere in space/,
      /^error labelsTr\/d.nii.gz label values 0.5 are no whole numbers/,
      /^error labelsTr\/e.nii.gz label values 9 belong to no class/,
      /^error imagesTr\/f.nii.gz 2 channels where 1 is meant \(CT\)/,
      /^error imagesTr\/h.nii.gz its gzip data ends early: the file is truncated/,
      /^error imagesTr\/i.nii.gz the spacing along z is 0/,
      /^warning labelsTr\/g.nii.gz is background everywhere/,
      /^warning imagesTr\/lonely.nii.gz has no partner/,
      /^warning .* class 2 \(never\) occurs in none/,
    ];
    for (const line of wanted)
      expect(
        lines.filter((text) => line.test(text)),
        String(line),
      ).toHaveLength(1);
    expect(lines).toHaveLength(wanted.length);
    for (const problem of report.problems) expect(problem.fix).not.toBe('');
  });

  it('says which share of a volume was not measured, and counts it nowhere', async () => {
    const folder = join(root, 'nan');
    for (const name of ['imagesTr', 'labelsTr']) mkdirSync(join(folder, name), { recursive: true });
    const write = (path: string, content: Uint8Array | string) => writeFileSync(join(folder, path), content);
    const ones = encodeNifti(createNiftiHeader({ shape: [4, 5, 6], affine: LAS }), new Uint8Array(120).fill(1));
    const nan = Float32Array.from({ length: 120 }, (_, i) =>
      i < 30 ? [Number.NaN, Number.POSITIVE_INFINITY][i % 2] : i,
    );
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      write(
        `imagesTr/${name}.nii.gz`,
        encodeNifti(createNiftiHeader({ shape: [4, 5, 6], affine: LAS, type: 'float32' }), nan),
      );
      write(`labelsTr/${name}.nii.gz`, ones);
    }
    write('dataset.json', JSON.stringify({ modality: { 0: 'CT' }, labels: { 0: 'background', 1: 'liver' } }));
    const report = await checkDataSet(await openDataSet(folder));
    if (report.rank !== 3) throw new Error('expected volumes');
    const missing = report.problems.filter(({ message }) => message.includes('NaN'));
    // The same in five volumes: one problem with the others.
    expect(missing).toHaveLength(1);
    expect(missing[0]).toMatchObject({ severity: 'warning', message: '25.0 % of its values are NaN or infinite' });
    expect(missing[0].others).toHaveLength(4);
    expect(missing[0].fix).toMatch(/they count as air/);
    expect(report.fingerprint?.intensities[0].low).toBeGreaterThanOrEqual(30);
  });

  it('measures phantoms', async () => {
    const report = await checkDataSet(createPhantomSet({ shape: [16, 20, 24], train: 4, val: 2 }));
    if (report.rank !== 3) throw new Error('expected volumes');
    expect(report.problems).toEqual([]);
    expect(report.counts).toEqual({ train: { listed: 4, read: 4 }, val: { listed: 2, read: 2 } });
    expect(report.classShares.reduce((a, b) => a + b)).toBeCloseTo(1, 9);
    const { fingerprint } = report;
    expect(fingerprint?.shapes.median).toEqual([16, 20, 24]);
    expect(fingerprint?.spacings.largest).toEqual([1, 1, 1]);
    const [{ low, median, high }] = fingerprint?.intensities ?? [];
    expect(low).toBeLessThan(median);
    expect(median).toBeLessThan(high);
  });
});

describe('the plan', () => {
  const same = (values: number[]): Spread => ({ smallest: values, median: values, largest: values });
  const fingerprint = (shape: number[], spacing: number[], modality = 'CT'): Fingerprint => ({
    volumes: 9,
    shapes: same(shape),
    spacings: same(spacing),
    extents: same(shape.map((side, axis) => side * spacing[axis])),
    intensities: [{ modality, low: -60, median: 90, high: 210, mean: 88, deviation: 40 }],
  });

  it('has patches of multiples of 32 that fit, for any shape', () => {
    const side = fc.integer({ min: 1, max: 900 });
    fc.assert(
      fc.property(fc.tuple(side, side, side), (shape) => {
        const crop = patchFor(shape);
        expect(crop.reduce((a, b) => a * b)).toBeLessThanOrEqual(96 ** 3);
        crop.forEach((length, axis) => {
          expect(length % 32).toBe(0);
          expect(length).toBeGreaterThanOrEqual(32);
          expect(length).toBeLessThanOrEqual(Math.max(32, shape[axis] + 16));
        });
      }),
    );
    expect(patchFor([36, 50, 35])).toEqual([32, 64, 32]);
    expect(patchFor([512, 512, 512])).toEqual([96, 96, 96]);
  });

  it('takes window and units from CT, and leaves MR to each volume', () => {
    const ct = planVolumes(fingerprint([100, 512, 512], [2.5, 0.8, 0.8]), 100);
    expect(ct).toEqual({
      preparation: {
        spacingMm: [2.5, 0.8, 0.8],
        normalisation: [{ kind: 'window', window: [-60, 210], mean: 88, deviation: 40 }],
        cropForeground: true,
      },
      crop: [96, 96, 96],
      batch: 2,
      memoryBudget: 0.5,
    });
    const mr = planVolumes(fingerprint([36, 50, 35], [1, 1, 1], 'MRI'), 12);
    expect([mr.preparation.normalisation[0].kind, mr.crop, mr.batch]).toEqual(['zscore', [32, 64, 32], 3]);
  });

  it('is a YAML file of settings', () => {
    const measured = fingerprint([36, 50, 35], [1, 1, 1]);
    const plan = planVolumes(measured, 100);
    const text = formatPlan(plan, measured, { name: 'Task' }, 'data/Task');
    expect(text).toMatch(/^# Proposed for "Task" from 9 training volumes/);
    const { crop, batch, preparation } = plan;
    expect(parse(text)).toEqual({
      data: 'data/Task',
      crop,
      batch,
      preparation,
      search: { method: 'dints', budget: { memory: 0.5 } },
    });
    expect(text).toContain('crop: [32, 64, 32]');
  });

  it.skipIf(!existsSync(MAIN))('is written by the command (needs dist/)', () => {
    const file = join(root, 'plan.yaml');
    const { out } = runCommand(root, ['data', 'check', 'phantoms:16x16x16', 'limit=3', `plan=${file}`]);
    expect(out).toContain('train: 40 volumes, 3 read');
    expect(out).toMatch(/plan: spacing 1 x 1 x 1 mm, patch 32x32x32, batch 8, memory budget 0.5 -> .*plan.yaml/);
    expect(parse(readFileSync(file, 'utf8')).crop).toEqual([32, 32, 32]);
  });
});
