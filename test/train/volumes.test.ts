/** @file Volumes through the whole loop on embedded phantoms: train, score, choose a post-processing, predict a NIfTI on the grid of its file. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodePng } from '../../src/data/images/png.ts';
import { createNiftiHeader, encodeNifti, encodeProbabilities, labelHeader } from '../../src/data/nifti/encode.ts';
import { readNifti } from '../../src/data/nifti/read.ts';
import { createPhantomSet } from '../../src/data/volumes/phantomSet.ts';
import { paintPhantom } from '../../src/data/volumes/phantoms.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { fromArray, type Tensor } from '../../src/engine/tensor.ts';
import { chooseLargestComponents, evaluateVolumes } from '../../src/infer/evaluateVolumes.ts';
import { SINGLE_SCALE } from '../../src/infer/inference.ts';
import { segmentVolume } from '../../src/infer/segment.ts';
import { scoreNetwork } from '../../src/jobs/evaluateJob.ts';
import { openNetwork, search, train } from '../../src/jobs/library.ts';
import { loadNetwork } from '../../src/jobs/network.ts';
import { openRunData } from '../../src/jobs/openData.ts';
import { diceOf, scoreCase } from '../../src/metrics/cases.ts';
import { openRunFolder } from '../../src/run/folder.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';

const folder = sharedFolder();

const TINY = {
  data: 'phantoms:16x20x16',
  arch: 'unet:levels=3',
  runs: folder,
  filters: 4,
  crop: 16,
  batch: 20,
  epochs: 2,
  optimizer: 'adamw',
  learningRate: 0.01,
  deepSupervision: true,
  workers: 0,
  threads: 1,
  overlap: 0.25,
} as const;

describe('the loop on volumes', () => {
  let trained: Awaited<ReturnType<typeof train>>;
  beforeAll(async () => {
    trained = await train({ ...TINY, name: 'v', postprocess: 'largest-component' });
  });

  it('trains, and judges by the mean Dice of the foreground', () => {
    expect([trained.epochs, trained.steps]).toEqual([2, 4]);
    const { cases, summary } = trained.scores.volumes!;
    expect(cases.map(({ id }) => id)).toEqual(Array.from({ length: 10 }, (_, i) => `phantom-${1_000_000 + i}`));
    expect(summary.classes).toHaveLength(2);
    const run = openRunFolder(trained.run);
    const [header, ...rows] = readFileSync(run.results, 'utf8')
      .trim()
      .split('\n')
      .map((row) => row.split(','));
    expect(header).toContain('dice');
    expect(rows).toHaveLength(2);
    expect(readFileSync(run.perClassCsv, 'utf8')).toMatch(
      /^class,dice,surface_dice,hausdorff95_mm,cases\norgan,.*\nlesion,.*\nmean,/,
    );
    expect(readFileSync(run.perCaseCsv, 'utf8').trim().split('\n')).toHaveLength(21);
    expect(readFileSync(run.report, 'utf8')).toMatch(/best mean Dice.*HD95 mm/s);
    const evaluations = readFileSync(run.events, 'utf8').match(/"volumes":\{"dice":[^}]*"diceByClass":\[[^\]]*\]/g);
    expect(evaluations).toHaveLength(2);
    expect(readdirSync(run.samples)).toHaveLength(2 * 8);
    const sample = decodePng(readFileSync(join(run.samples, 'phantom-1000000.png')), 'sample');
    expect([sample.channels, sample.height]).toEqual([3, 288]);
  });

  it('keeps the scored volumes to be looked at: image, label and prediction on one grid', async () => {
    const { samples: folder } = openRunFolder(trained.run);
    const { header, samples } = await readNifti(join(folder, 'phantom-1000000.nii.gz'));
    expect([header.shape, header.datatype]).toEqual([[16, 20, 16, 3], 2]);
    const [label, prediction] = [1, 2].map((frame) => samples.slice(frame * 5120, (frame + 1) * 5120) as Uint8Array);
    expect(label).toEqual(paintPhantom(1_000_000, [16, 20, 16]).label.data);
    const { confusion } = scoreCase(
      { id: 'sample', label, prediction, shape: [16, 20, 16], spacingMm: [1, 1, 1] },
      { classes: 3, toleranceMm: 1 },
    );
    const scored = trained.scores.volumes?.cases[0].classes.map(({ dice }) => dice);
    expect(diceOf(confusion).slice(1)).toEqual(scored);
  });

  it('scores a run again to the same numbers, in the fold and with the preparation of the training', async () => {
    const run = openRunFolder(trained.run);
    const { network, description } = loadNetwork(run, 'best', new Generator(0), 'cpu');
    expect(description.volumes).toMatchObject({ modalities: ['MRI'], window: [16, 16, 16] });
    const { dataset, warnings } = await openRunData(run, description);
    expect(warnings).toEqual([]);
    const { window, largestComponents } = description.volumes!;
    const scores = await scoreNetwork({
      folder: run,
      dataset,
      forward: (images) => network.forward(images, { training: false }),
      device: 'cpu',
      options: { inference: { ...SINGLE_SCALE, window: { window, overlap: 0.25 } }, largestComponents },
    });
    expect(scores.volumes?.cases).toEqual(trained.scores.volumes?.cases);
    await expect(openRunData(run, description, 'scenes')).rejects.toThrow(
      /scenes holds images, the network reads volumes/,
    );
  });

  it('predicts on the grid of the file, whose header it keeps', async () => {
    const { image } = paintPhantom(7, [18, 24, 20]);
    // A file whose axes run the other way round and lie askew in the world.
    const affine = [
      [-1.5, 0, 0.1, 12],
      [0, 0.2, 2, -3],
      [0.1, 1.2, 0, 40],
      [0, 0, 0, 1],
    ] as const;
    const header = createNiftiHeader({ shape: [20, 24, 18], affine, type: 'float32' });
    const file = join(folder, 'new.nii.gz');
    writeFileSync(file, encodeNifti(header, image.data));
    const { ids, header: read } = await segmentVolume(openNetwork(trained.run, { threads: 1 }), [file]);
    const output = join(folder, 'ids.nii.gz');
    writeFileSync(output, encodeNifti(labelHeader(read), ids));
    const written = await readNifti(output);
    const original = await readNifti(file);
    expect(written.header.shape).toEqual([20, 24, 18]);
    // pixdim, units, qform and sform codes, quaternion, offsets and the rows of the sform.
    for (const [from, to] of [
      [76, 108],
      [123, 124],
      [252, 328],
    ])
      expect(written.header.bytes.subarray(from, to)).toEqual(original.header.bytes.subarray(from, to));
    expect(Array.from(written.samples, Number)).toEqual([...ids]);
    expect(Math.max(...ids)).toBeLessThan(3);
  });

  it('gives probabilities on the grid of the file, outside of the foreground those of background', async () => {
    const { image } = paintPhantom(8, [18, 24, 20]);
    // Empty slices around the body, which the preparation cuts away.
    image.data.fill(0, 0, 2 * 24 * 20);
    const affine = [
      [-1.5, 0, 0, 12],
      [0, 1.2, 0, -3],
      [0, 0, 2, 40],
      [0, 0, 0, 1],
    ] as const;
    const file = join(folder, 'soft.nii.gz');
    writeFileSync(file, encodeNifti(createNiftiHeader({ shape: [20, 24, 18], affine, type: 'float32' }), image.data));
    const network = openNetwork(trained.run, { threads: 1 });
    const wanted = { withProbabilities: true };
    const { ids, probabilities, header, view } = await segmentVolume(network, [file], undefined, wanted);
    const classes = network.classes.length;
    expect(probabilities).toHaveLength(classes * ids.length);
    const at = (id: number, i: number) => (probabilities as Float32Array)[id * ids.length + i];
    for (let i = 0; i < ids.length; i += 7) {
      const all = Array.from({ length: classes }, (_, id) => at(id, i));
      expect(all.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 4);
      expect(Math.min(...all)).toBeGreaterThanOrEqual(0);
    }
    // Nothing is resampled here, so that the class map is that of the largest probability, but for components that were removed.
    const kept = Array.from(ids, (id, i) => (id > 0 ? at(id, i) - at(0, i) : 1));
    expect(Math.min(...kept)).toBeGreaterThanOrEqual(0);
    const cut = view.shape[0] < 18 || view.shape[1] < 24 || view.shape[2] < 20;
    expect(cut && at(0, 0)).toBe(1);
    const output = join(folder, 'soft_probabilities.nii.gz');
    writeFileSync(output, encodeProbabilities(header, probabilities as Float32Array));
    const written = await readNifti(output);
    expect(written.header.shape).toEqual([20, 24, 18, classes]);
    expect(Array.from(written.samples, Number)).toEqual([...(probabilities as Float32Array)]);
    expect(written.header.bytes.subarray(252, 328)).toEqual(header.bytes.subarray(252, 328));
  });

  it('reads volumes only with a network for volumes, and pictures only with one for pictures', async () => {
    const { forward, device } = openNetwork(trained.run, { threads: 1 });
    await expect(segmentVolume({ forward, device }, ['x.nii'])).rejects.toThrow(/x.nii: a volume.*images/);
  });

  it('searches an architecture of DiNTS, and trains what it found', async () => {
    const found = await search({
      data: TINY.data,
      method: 'dints',
      runs: folder,
      name: 's',
      crop: 16,
      batch: 10,
      layers: 2,
      levels: 2,
      width: 0.0625,
      epochs: 2,
      warmupEpochs: 1,
      evaluateSamples: 2,
      workers: 0,
      threads: 1,
    });
    expect(found.genotype).toMatchObject({ method: 'dints', rank: 3, layers: 2, levels: 2 });
    const [header, ...rows] = readFileSync(openRunFolder(found.run).results, 'utf8').trim().split('\n');
    expect([header.split(',').includes('dice'), rows.length]).toEqual([true, 2]);
    const again = await train({ ...TINY, arch: found.run, name: 'found', epochs: 1, deepSupervision: false });
    expect(again.scores.volumes?.cases).toHaveLength(10);
  });

  it('refuses a patch of another rank, deep supervision without levels, ohem with Dice', async () => {
    await expect(train({ ...TINY, crop: [16, 16] })).rejects.toThrow(/2 sides.*\[depth, height, width\]/);
    await expect(train({ ...TINY, arch: 'dints-random:1', crop: 32 })).rejects.toThrow(/one level only/);
    await expect(train({ ...TINY, ohem: 0.2 })).rejects.toThrow(/ohem belongs to loss=cross-entropy/);
    await expect(train({ ...TINY, arch: 'dints-random:1', crop: 48, deepSupervision: false })).rejects.toThrow(
      /multiples of 32, got \[48, 48, 48\].*\[64, 64, 64\]/,
    );
    expect(readdirSync(join(folder, 'train'))).toEqual(['found', 'v']);
  });
});

describe('scores of volumes', () => {
  const dataset = createPhantomSet({ shape: [16, 16, 16], val: 3 });
  const samples = dataset.splits.val;
  const options = { inference: SINGLE_SCALE, device: 'cpu', toleranceMm: 1 };
  /** The same class everywhere. */
  const constant = (images: Tensor, id: number): Tensor => {
    const [, , ...size] = images.shape;
    const voxels = size.reduce((a, b) => a * b);
    const logits = new Float32Array(3 * voxels);
    logits.fill(1, id * voxels, (id + 1) * voxels);
    return op.clone(fromArray(logits, [1, 3, ...size]));
  };

  it('of a network that says one class everywhere are those of that class', async () => {
    const { summary, confusion } = await evaluateVolumes((images) => constant(images, 0), dataset, samples, options);
    expect(summary.mean.dice).toBe(0);
    expect(summary.mean.surfaceDice).toBe(0);
    expect(confusion.counts.reduce((a, b) => a + b)).toBe(3 * 16 ** 3);
  });

  it('choose the largest component of a class where islands are errors, and only there', async () => {
    // The organ where it is bright enough gives islands; a constant has one component and gains nothing.
    const islands = (images: Tensor): Tensor => {
      const brightness = op.addNumber(images, -0.8);
      return op.concat([op.negate(brightness), brightness, op.full([...brightness.shape], -9)], 1);
    };
    const chosen = await chooseLargestComponents(islands, dataset, samples, options);
    const with_ = await evaluateVolumes(islands, dataset, samples, { ...options, largestComponents: [1] });
    const without = await evaluateVolumes(islands, dataset, samples, options);
    expect(chosen.includes(1)).toBe(with_.summary.classes[0].dice > without.summary.classes[0].dice);
    expect(with_.summary.classes[0].dice).not.toBe(without.summary.classes[0].dice);
    expect(await chooseLargestComponents((images) => constant(images, 1), dataset, samples, options)).toEqual([]);
  });
});
