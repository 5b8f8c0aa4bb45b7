/** @file Regions through every job, on nested regions of images and of volumes: trained, resumed, scored, predicted, exported, searched, compared. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseCsv } from '../../src/base/csv.ts';
import { loadImage } from '../../src/data/images/image.ts';
import { encodeLabels } from '../../src/data/nifti/encode.ts';
import { readNifti } from '../../src/data/nifti/read.ts';
import { writeRegions } from '../../src/data/regions/regions.ts';
import { loadSample } from '../../src/data/sample.ts';
import type { ImageSet } from '../../src/data/types.ts';
import {
  dryRun,
  evaluate,
  openDataSet,
  openModel,
  openNetwork,
  search,
  segment,
  segmentVolume,
  train,
} from '../../src/index.ts';
import { exportNetwork } from '../../src/jobs/export/exportNetwork.ts';
import { exportFolder } from '../../src/jobs/export/hub.ts';
import { compareJob } from '../../src/jobs/many/compare.ts';
import { loadDescription } from '../../src/jobs/network.ts';
import { createLoss, weightsOfClasses } from '../../src/jobs/settings.ts';
import { readModelMetadata } from '../../src/portable/modelFile.ts';
import { loadCheckpoint } from '../../src/run/checkpoint.ts';
import { parseConfig } from '../../src/run/config/config.ts';
import { settings } from '../../src/run/config/presets.ts';
import { readEvents } from '../../src/run/eventLog.ts';
import { openRunFolder } from '../../src/run/folder.ts';
import { CELLS, writeCells, writeTumours } from '../helpers/regionSets.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';

const runs = sharedFolder();
const cells = join(runs, 'cells');
const tumours = join(runs, 'tumours');
writeCells(cells, { train: 12, val: 4 });
writeTumours(tumours, 10);

const COMMON = {
  runs,
  arch: 'unet:levels=3',
  filters: 6,
  batch: 4,
  optimizer: 'adamw',
  learningRate: 0.02,
  workers: 0,
  threads: 1,
} as const;
const IMAGES = { ...COMMON, data: cells, crop: 32, steps: 40, classWeights: 'sqrt', deepSupervision: true } as const;
const VOLUMES = { ...COMMON, data: tumours, crop: 16, steps: 30, postprocess: 'largest-component' } as const;

const NAMES = { 2: ['cell', 'inside', 'nucleus'], 3: ['whole tumour', 'tumour core', 'enhancing tumour'] } as const;

describe('regions of images', () => {
  let trained: Awaited<ReturnType<typeof train>>;
  beforeAll(async () => {
    trained = await train({ ...IMAGES, name: 'cells' });
  }, 120_000);

  it('are learnt and scored by themselves', () => {
    const { scores, classes, run } = trained;
    expect(classes).toEqual(NAMES[2]);
    expect(scores.iou).toHaveLength(3);
    expect(scores.miou).toBeGreaterThan(0.6);
    for (const [r, iou] of scores.iou.entries()) expect(scores.dice![r]).toBeCloseTo((2 * iou) / (1 + iou), 12);
    // Nested: what is inside is no more than what holds it.
    expect(scores.support[0]).toBeGreaterThan(scores.support[1]);
    expect(scores.confusion.classes).toBe(4);
    const folder = openRunFolder(run);
    const { rows } = parseCsv(readFileSync(folder.perClassCsv, 'utf8'), 'per_class.csv');
    expect(rows.map(([name]) => name)).toEqual(['region', ...NAMES[2], 'mean']);
    expect(readFileSync(folder.confusionCsv, 'utf8')).toContain('background,membrane,plasma,nucleus');
    expect(readFileSync(folder.report, 'utf8')).toMatch(/<h2>Regions<\/h2>.*cell/s);
    const events = readEvents(folder.events);
    expect(events.find(({ type }) => type === 'evaluation')).toMatchObject({ classNames: NAMES[2] });
    expect(JSON.stringify(events)).toContain('regions: cell (membrane, plasma, nucleus; writes membrane)');
    const data = JSON.parse(readFileSync(join(run, 'data.json'), 'utf8'));
    expect(data.regions.map(({ name }: { name: string }) => name)).toEqual(NAMES[2]);
    expect(loadDescription(folder)).toMatchObject({
      options: { classes: 3 },
      regions: [{ written: 1 }, { written: 2 }, { written: 3 }],
    });
  });

  it('score the same when they are evaluated, with windows and mirrored views nearly so', async () => {
    const again = await evaluate({ run: trained.run, threads: 1, name: 'again' });
    expect(again.classes).toEqual(NAMES[2]);
    expect(again.scores).toEqual(trained.scores);
    expect(readFileSync(join(again.evaluation.path, 'per_class.csv'), 'utf8')).toMatch(/^region,/);
    const averaged = await evaluate({
      run: trained.run,
      threads: 1,
      name: 'averaged',
      'tta.flip': true,
      'tta.scales': [1, 1.25],
      window: 24,
    });
    expect(averaged.scores.regions!.pixels).toBe(trained.scores.regions!.pixels);
    expect(averaged.scores.miou).toBeGreaterThan(0.5);
    await expect(evaluate({ run: trained.run, postprocess: 'crf' })).rejects.toThrow(
      /postprocess=crf: the CRF labels each pixel with one class, got regions, which overlap; leave postprocess out/,
    );
  }, 120_000);

  it('are predicted as masks, and written as the class of the last one', async () => {
    using network = openNetwork(trained.run, { threads: 1 });
    const file = join(cells, 'images', 'val', 'val0.png');
    const { ids, masks } = await segment(network, file);
    expect(ids).toEqual(writeRegions(masks!, network.regions!));
    expect(network.classes.map(({ name }) => name)).toEqual(['background', 'membrane', 'plasma', 'nucleus']);
    const dataset = (await openDataSet(cells)) as ImageSet;
    const { label } = await loadSample(dataset, dataset.splits.val.find(({ id }) => id.endsWith('val0'))!);
    const right = ids.filter((id, i) => label[i] !== 255 && id === label[i]).length;
    expect(right / ids.length).toBeGreaterThan(0.7);
  });

  it('are resumed to the same weights as without a stop, and keep the regions of their start', async () => {
    const controller = new AbortController();
    const own = { ...IMAGES, steps: 6, name: 'stopped' };
    const watcher = { progress: () => controller.abort() };
    await expect(train(own, { watcher, signal: controller.signal })).rejects.toThrow(/stopped/);
    const yaml = join(cells, 'data.yaml');
    writeFileSync(yaml, `${CELLS}regions_class_order: [4, 4, 4]\n`);
    try {
      await expect(train({ runs, name: 'stopped' }, { resume: true })).rejects.toThrow(
        /has the regions cell \(.*writes nucleus\).* the run .* has cell .*writes membrane/,
      );
    } finally {
      writeFileSync(yaml, CELLS);
    }
    const resumed = await train({ runs, name: 'stopped' }, { resume: true });
    const whole = await train({ ...own, name: 'whole' });
    const weightsOf = (run: string) => loadCheckpoint(openRunFolder(run).last).tensors;
    expect(weightsOf(resumed.run)).toEqual(weightsOf(whole.run));
    expect(resumed.scores).toEqual(whole.scores);
  }, 120_000);

  it('are what an exported model gives, as logits, probabilities or classes', async () => {
    const picture = await loadImage(join(cells, 'images', 'val', 'val1.png'));
    using network = openNetwork(trained.run, { threads: 1 });
    const { ids, masks } = await segment(network, picture);
    for (const result of ['logits', 'sigmoid', 'argmax'] as const) {
      const { file, metadata, parity } = await exportNetwork({ run: trained.run, result, threads: 1 });
      expect(metadata.regions).toEqual(network.regions);
      expect(readModelMetadata(readFileSync(file), file)).toEqual(metadata);
      expect(parity.agreement).toBeGreaterThan(0.999);
      const model = await openModel(file, { threads: 1 });
      const map = await model.segment(picture);
      const equal = map.ids.filter((id, i) => id === ids[i]).length;
      expect(equal / ids.length, result).toBeGreaterThan(0.999);
      expect(map.masks?.length).toBe(result === 'argmax' ? undefined : masks!.length);
      if (map.masks) expect(writeRegions(map.masks, metadata.regions!)).toEqual(map.ids);
      // A size that the model does not take is brought to one that it does.
      const odd = { width: 30, height: 22, data: picture.data.subarray(0, 30 * 22 * 3) };
      const small = await model.segment(odd);
      expect([small.ids.length, small.masks?.length ?? 3 * 660]).toEqual([660, 3 * 660]);
      await model.release();
    }
    await expect(exportNetwork({ run: trained.run, result: 'softmax' })).rejects.toThrow(
      /result=softmax: the outputs are regions, which overlap; take result=sigmoid/,
    );
    const { folder } = await exportFolder(
      parseConfig(settings.export, [{ run: trained.run, format: 'safetensors', threads: 1 }]),
    );
    expect(readFileSync(join(folder, 'README.md'), 'utf8')).toMatch(
      /It finds 3 regions.*\| inside \| nucleus, plasma \| plasma \|.*\| region \| IoU %.*sigmoid of its output is above 0\.5/s,
    );
    const reopened = openNetwork(folder, { threads: 1 });
    expect((await segment(reopened, picture)).ids).toEqual(ids);
  }, 120_000);

  it('of several runs are the mean of their sigmoids, in the engine and in one exported model', async () => {
    const other = await train({ ...IMAGES, steps: 8, seed: 2, name: 'other' });
    const run = `${trained.run},${other.run}`;
    const networks = [run, trained.run, other.run].map((one) => openNetwork(one, { threads: 1 }));
    const picture = await loadImage(join(cells, 'images', 'val', 'val2.png'));
    const [both, ...alone] = await Promise.all(
      networks.map((network) => segment(network, picture, undefined, { withProbabilities: true })),
    );
    const means = alone[0].probabilities!.map((p, i) => (p + alone[1].probabilities![i]) / 2);
    for (const [i, mean] of means.entries()) expect(both.probabilities![i]).toBeCloseTo(mean, 5);
    expect([...both.masks!]).toEqual([...both.probabilities!].map((p) => Number(p > 0.5)));
    for (const result of ['logits', 'sigmoid', 'argmax'] as const) {
      const { file, parity } = await exportNetwork({ run, result, threads: 1, output: join(runs, `${result}.onnx`) });
      expect(parity.agreement).toBeGreaterThan(0.999);
      const model = await openModel(file, { threads: 1 });
      const withProbabilities = result !== 'argmax';
      const map = await model.segment(picture, { withProbabilities });
      expect(map.ids.filter((id, i) => id === both.ids[i]).length / map.ids.length).toBeGreaterThan(0.999);
      for (const [i, p] of map.probabilities?.entries() ?? []) expect(p).toBeCloseTo(means[i], 4);
      await model.release();
    }
    const { scores } = await evaluate({ run, threads: 1, name: 'both' });
    expect(scores.dice).toHaveLength(3);
    const { confusion } = scores;
    expect(confusion.classes).toBe(4);
  }, 120_000);

  it('start from the weights of other regions by their names', async () => {
    const { run } = await train({ ...IMAGES, steps: 1, name: 'from', from: trained.run });
    const note = readEvents(openRunFolder(run).events).find(
      (event) => event.type === 'note' && event.message.startsWith('weights start from'),
    );
    expect(note).toMatchObject({ message: `weights start from ${trained.run}` });
  }, 60_000);

  it('have weights by their shares, or as stated', async () => {
    const dataset = await openDataSet(cells);
    const weights = (await weightsOfClasses(dataset, 'median'))!;
    expect(weights).toHaveLength(3);
    expect(weights[2]).toBeGreaterThan(weights[1]);
    expect(weights[1]).toBe(1);
    expect(await weightsOfClasses(dataset, [1, 2, 3])).toEqual([1, 2, 3]);
    await expect(weightsOfClasses(dataset, [1, 2, 3, 4])).rejects.toThrow(
      /classWeights has 4 numbers for 3 regions; give one for each region/,
    );
    await expect(createLoss(dataset, { classWeights: 'none', ohem: 0.5 }, 'cpu')).rejects.toThrow(
      /ohem picks pixels of classes, got regions; leave it out/,
    );
    await expect(train({ ...IMAGES, name: 'taught', teacher: trained.run })).rejects.toThrow(
      /teacher: expected classes.*the data have regions, which overlap; leave teacher out/,
    );
  });

  it('are searched for, and what is found is trained', async () => {
    const found = await search({
      ...{ data: cells, runs, name: 'search', epochs: 2, warmupEpochs: 1, batch: 2, crop: 33, layers: 2, filters: 2 },
      ...{ blocks: 1, evaluateSamples: 1, workers: 0, threads: 1, method: 'auto-deeplab' },
    });
    const logged = readEvents(openRunFolder(found.run).events).findLast(({ type }) => type === 'architecture');
    expect(logged).toBeDefined();
    const { run } = await train({
      ...IMAGES,
      arch: found.run,
      crop: 33,
      steps: 1,
      deepSupervision: false,
      name: 'found',
    });
    expect(loadDescription(openRunFolder(run)).options.classes).toBe(3);
    const { stepSeconds } = (await dryRun.train({ ...IMAGES, name: 'dry' })) as { stepSeconds: number };
    expect(stepSeconds).toBeGreaterThan(0);
  }, 120_000);

  it('are compared, without a CRF', async () => {
    const shared = { ...IMAGES, arch: undefined, steps: undefined, deepSupervision: false };
    const config = (more: object) =>
      parseConfig(settings.compare, [
        { runs, name: 'compared', archs: 'unet:levels=2', seeds: 1, budget: '2steps', ...more },
      ]);
    const given = Object.fromEntries(Object.entries(shared).filter(([, value]) => value !== undefined));
    const { architectures } = await compareJob(config({}), [given]);
    expect(architectures[0].runs[0].score).toBeGreaterThanOrEqual(0);
    await expect(compareJob(config({ name: 'crf', postprocess: 'crf' }), [given])).rejects.toThrow(/postprocess=crf/);
  }, 120_000);
});

describe('regions of volumes', () => {
  let trained: Awaited<ReturnType<typeof train>>;
  beforeAll(async () => {
    trained = await train({ ...VOLUMES, name: 'tumours' });
  }, 120_000);

  it('are learnt and scored case by case, each with its surface', () => {
    const { scores, classes, run } = trained;
    expect(classes).toEqual(NAMES[3]);
    const { summary } = scores.volumes!;
    expect(summary.classes).toHaveLength(3);
    expect(summary.mean.dice).toBeGreaterThan(0.5);
    const folder = openRunFolder(run);
    expect(readFileSync(folder.perClassCsv, 'utf8')).toMatch(
      /^region,dice,.*\nwhole tumour,.*\ntumour core,.*\nenhancing tumour,.*\nmean,/,
    );
    expect(readFileSync(folder.report, 'utf8')).toContain('best mean Dice');
  });

  it('score the same when they are evaluated', async () => {
    const again = await evaluate({ run: trained.run, threads: 1, name: 'again' });
    expect(again.scores.volumes!.cases.map(({ id }) => id)).toEqual(trained.scores.volumes!.cases.map(({ id }) => id));
    expect(again.scores).toEqual(trained.scores);
  }, 60_000);

  it('are written with the values of the label files, on the grid of the file', async () => {
    const network = openNetwork(trained.run, { threads: 1 });
    const [file] = readdirSync(join(tumours, 'imagesTr')).sort();
    const files = [0, 1].map((channel) => join(tumours, 'imagesTr', file.replace(/_\d{4}/, `_000${channel}`)));
    const { ids, masks, header, probabilities } = await segmentVolume(network, files, undefined, {
      withProbabilities: true,
    });
    // Components are removed after the probabilities.
    for (const [i, mask] of masks!.entries()) if (mask === 1) expect(probabilities![i]).toBeGreaterThan(0.49);
    expect(ids).toEqual(writeRegions(masks!, network.regions!));
    const output = join(runs, 'ids.nii.gz');
    writeFileSync(output, encodeLabels(header, ids, network.submissionValues));
    const { samples } = await readNifti(output);
    expect([...new Set(samples)].every((value) => [0, 1, 2, 4].includes(value))).toBe(true);
    const label = await readNifti(join(tumours, 'labelsTr', file.replace(/_\d{4}/, '')));
    const equal = [...samples].filter((value, i) => value === label.samples[i]).length;
    expect(equal / samples.length).toBeGreaterThan(0.7);
  });

  it('are read in windows as they are as a whole, where one window holds all', async () => {
    const wide = await evaluate({ run: trained.run, threads: 1, name: 'wide', window: 16, 'tta.mirror': ['depth'] });
    expect(wide.scores.volumes!.summary.mean.dice).toBeGreaterThan(0.5);
  }, 60_000);
});
