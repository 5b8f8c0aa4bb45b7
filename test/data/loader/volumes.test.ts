/** @file Volumes through the loader and for evaluation: the same bytes whatever the workers, and predictions that go back to the file. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError } from '../../../src/base/errors.ts';
import { openDataSet } from '../../../src/data/detect.ts';
import type { LoadedBatch } from '../../../src/data/loader/batch.ts';
import { createLoader, type LoaderOptions } from '../../../src/data/loader/loader.ts';
import { createNiftiHeader, encodeNifti, labelHeader } from '../../../src/data/nifti/encode.ts';
import { niftiGrid } from '../../../src/data/nifti/volume.ts';
import { type Affine, sameGrid } from '../../../src/data/volume.ts';
import { evaluationVolumes } from '../../../src/data/volumes/evaluation.ts';
import { loadVolume } from '../../../src/data/volumes/load.ts';
import { createPhantomSet } from '../../../src/data/volumes/phantomSet.ts';
import { PHANTOM_CLASSES, paintPhantom } from '../../../src/data/volumes/phantoms.ts';
import { prepareVolume, restoreToInput } from '../../../src/data/volumes/prepare.ts';
import { hasRealData, realData } from '../realData.ts';

const dataset = createPhantomSet({ shape: [12, 14, 10], train: 6, val: 2 });
const options: LoaderOptions = { dataset, samples: dataset.splits.train, batch: 2, crop: [8, 16, 8], seed: 3 };
const isBuilt = existsSync(fileURLToPath(new URL('../../../dist/data/loader/worker.js', import.meta.url)));

async function all(batches: AsyncIterable<LoadedBatch>): Promise<LoadedBatch[]> {
  const result: LoadedBatch[] = [];
  for await (const batch of batches) result.push(batch);
  return result;
}

describe('createLoader', () => {
  it('gives batches of rank 3, the same when asked again', async () => {
    const loader = createLoader(options);
    const first = await all(loader.batches(0));
    expect(first.map(({ batch, size, channels }) => [batch, size, channels])).toEqual(
      Array(3).fill([2, [8, 16, 8], 1]),
    );
    for (const { images, labels } of first) {
      expect([images.length, labels.length]).toEqual([2048, 2048]);
      expect(images.every(Number.isFinite)).toBe(true);
      expect(labels.every((id) => id < 3 || id === 255)).toBe(true);
      // 16 rows of a patch over 14 of the volume: padding is ignored.
      expect(labels.includes(255)).toBe(true);
    }
    expect(await all(loader.batches(0))).toEqual(first);
    expect(await all(loader.batches(1))).not.toEqual(first);
  });

  it('refuses a crop of the wrong rank', () => {
    expect(() => createLoader({ ...options, crop: [8, 8] })).toThrow(/a crop of 2 sides \(8, 8\) for data of rank 3/);
  });

  it.skipIf(!isBuilt)('gives the same bytes with 0 and 2 workers (needs dist/)', async () => {
    const want = await all(createLoader(options).batches(2));
    const loader = createLoader({ ...options, workers: 2 });
    expect(await all(loader.batches(2))).toEqual(want);
    await loader.close();
  });
});

describe('phantoms', () => {
  it('are the same for a seed, show every class, and differ in brightness', () => {
    const a = paintPhantom(5, [24, 24, 24]);
    expect(paintPhantom(5, [24, 24, 24])).toEqual(a);
    const peaks = new Set<number>();
    for (let seed = 0; seed < 10; seed++) {
      const { image, label } = paintPhantom(seed, [24, 24, 24]);
      expect(new Set(label.data)).toEqual(new Set(PHANTOM_CLASSES.keys()));
      peaks.add(Math.round(Math.log2(image.data.reduce((a, b) => Math.max(a, b)))));
    }
    expect(peaks.size).toBeGreaterThan(2);
  });
});

describe('files', () => {
  let folder = '';
  const LPS: Affine = [
    [-1.5, 0, 0, 20],
    [0, -1, 0, 30],
    [0, 0, 2, -10],
    [0, 0, 0, 1],
  ];
  const shifted: Affine = LPS.map((row, i): Affine[number] => (i === 0 ? [row[0], row[1], row[2], 25] : row));
  const format = {
    labelMap: dataset.labelMap,
    modalities: ['T1', 'T2'],
    preparation: { ...dataset.preparation, normalisation: Array(2).fill(dataset.preparation.normalisation[0]) },
  };
  const file = (name: string): string => join(folder, name);
  const write = (name: string, shape: number[], type: 'uint8' | 'float32', affine = LPS): string => {
    const count = shape.reduce((product, side) => product * side);
    const samples =
      type === 'uint8'
        ? new Uint8Array(count).map((_, i) => i % 3)
        : new Float32Array(count).map((_, i) => (i * 7) % 50);
    writeFileSync(file(name), encodeNifti(createNiftiHeader({ shape, affine, type }), samples));
    return file(name);
  };
  const load = (images: string[], label?: string) =>
    loadVolume(format, { id: 'x', source: { kind: 'volume', images, ...(label === undefined ? {} : { label }) } });

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'espalier-volumes-'));
    write('t1.nii.gz', [6, 5, 4], 'float32');
    write('t2.nii.gz', [6, 5, 4], 'float32');
    write('both.nii.gz', [6, 5, 4, 2], 'float32');
    write('label.nii.gz', [6, 5, 4], 'uint8');
    write('small.nii.gz', [6, 5, 3], 'uint8');
    write('elsewhere.nii.gz', [6, 5, 4], 'uint8', shifted);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('hold their channels in one file or in one each', async () => {
    const apart = await load([file('t1.nii.gz'), file('t2.nii.gz')], file('label.nii.gz'));
    expect([apart.image.channels, apart.image.data.length, apart.label?.data.length]).toEqual([2, 240, 120]);
    const together = await load([file('both.nii.gz')]);
    expect([together.image.channels, together.label]).toEqual([2, undefined]);
  });

  it.each<[string, string[], string | undefined, RegExp]>([
    ['a missing modality', ['t1.nii.gz'], undefined, /t1.nii.gz: 1 of the 2 modalities \(T1, T2\)/],
    [
      '4D where less is meant',
      ['both.nii.gz', 't1.nii.gz'],
      undefined,
      /both.nii.gz and 1 more: 3 channels where 2 are meant/,
    ],
    [
      'labels of another size',
      ['both.nii.gz'],
      'small.nii.gz',
      /small.nii.gz: has 6x5x3 voxels, .*both.nii.gz has 6x5x4/,
    ],
    [
      'labels elsewhere',
      ['both.nii.gz'],
      'elsewhere.nii.gz',
      /elsewhere.nii.gz: lies elsewhere in space than .*both.nii.gz/,
    ],
    ['4D labels', ['both.nii.gz'], 'both.nii.gz', /both.nii.gz: labels of shape 6x5x4x2/],
    ['no file', ['nowhere.nii.gz'], undefined, /nowhere.nii.gz: cannot be read \(ENOENT\)/],
  ])('are refused for %s', async (_, images, label, message) => {
    const failure = await load(images.map(file), label === undefined ? undefined : file(label)).catch((error) => error);
    expect(failure).toBeInstanceOf(DataError);
    expect(failure.message).toMatch(message);
  });

  it('come one by one for evaluation, and their labels go back bit for bit', async () => {
    const sample = {
      id: 'x',
      source: { kind: 'volume' as const, images: [file('both.nii.gz')], label: file('label.nii.gz') },
    };
    for await (const volume of evaluationVolumes(format, [sample])) {
      expect([volume.batch, volume.size, volume.channels, volume.ids]).toEqual([1, [4, 5, 6], 2, ['x']]);
      const restored = restoreToInput(volume.labels, volume.grid);
      expect(restored).toEqual(volume.inputLabels);
      expect(encodeNifti(labelHeader(volume.header), restored).length).toBeGreaterThan(0);
    }
  });
});

describe.skipIf(!hasRealData)('the hippocampus', () => {
  it('is read from a folder of DICOM slices too, and predicted as NIfTI on its grid', async () => {
    const folder = realData('formats', 'dicom', 'hippocampus_crop_series');
    const format = { ...dataset, modalities: ['MR'] };
    const source = { kind: 'volume' as const, images: [folder] };
    const { image, header } = await loadVolume(format, { id: 'x', source });
    expect([image.shape, header.shape]).toEqual([
      [32, 51, 35],
      [35, 51, 32],
    ]);
    expect(sameGrid(image, niftiGrid(header, folder), 1e-3)).toBe(true);
  });

  it('opens, prepares, gives patches and takes labels back, all 208 volumes', async () => {
    const real = await openDataSet(realData('hippocampus'));
    if (real.rank !== 3) throw new Error('expected volumes');
    const samples = [...real.splits.train, ...real.splits.val];
    expect(samples.length).toBe(208);
    let different = 0;
    for (const sample of samples) {
      const { image, label } = await loadVolume(real, sample);
      const prepared = prepareVolume(image, label, real.preparation);
      let sum = 0;
      for (const value of prepared.image) sum += value;
      expect(Math.abs(sum / prepared.image.length)).toBeLessThan(0.5);
      if (Buffer.compare(restoreToInput(prepared.label!, prepared.grid), label!.data) !== 0) different++;
    }
    expect(different).toBe(0);
    const loader = createLoader({ dataset: real, samples, batch: 8, crop: [32, 64, 32], seed: 0 });
    const seen = new Set<number>();
    for await (const { labels, images } of loader.batches(0)) {
      for (const id of [0, 1, 2, 255]) if (labels.includes(id)) seen.add(id);
      let [sum, largest] = [0, 0];
      for (const value of images) sum += value;
      for (const id of labels) if (id < 255 && id > largest) largest = id;
      expect(Number.isFinite(sum)).toBe(true);
      expect(largest).toBeLessThanOrEqual(2);
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([0, 1, 2, 255]);
  });
});
