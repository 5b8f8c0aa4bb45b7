/** @file The split is part of a run: whatever becomes of the data, no command scores on what was trained on, and a change is reported. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDataSet } from '../../src/data/detect.ts';
import { placeOf } from '../../src/data/folds.ts';
import { loadSample } from '../../src/data/sample.ts';
import { parseRecord } from '../../src/data/splitRecord.ts';
import type { ImageSet } from '../../src/data/types.ts';
import { loadDescription } from '../../src/jobs/network.ts';
import { openRunData } from '../../src/jobs/openData.ts';
import { type TrainOutcome, trainJob } from '../../src/jobs/trainJob.ts';
import { openRunFolder } from '../../src/run/folder.ts';
import { writeFolder, writeSample } from '../helpers/folders.ts';
import { TINY_NETWORK } from '../helpers/tinyRuns.ts';

let root = '';
const at = (...parts: string[]) => join(root, ...parts);
const splitOf = (run: string) => {
  const { splits } = parseRecord(readFileSync(join(run, 'split.json'), 'utf8'), 'split.json');
  return { train: [...splits.train.keys()], val: [...splits.val.keys()] };
};
const lines: string[] = [];
const watcher = { progress: () => undefined, line: (text: string) => lines.push(text) };
const train = (settings: object, resume = false): Promise<TrainOutcome> => {
  lines.length = 0;
  const base = { arch: 'unet', ...TINY_NETWORK, steps: 1, threads: 1, runs: at('runs') };
  return trainJob(
    { layers: resume ? [{ runs: at('runs'), ...settings }] : [{ ...base, ...settings }], resume },
    watcher,
  );
};

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'espalier-split-'));
  writeFolder(at('street'), 10);
});
afterAll(() => rmSync(root, { recursive: true }));

describe('the split of a run', () => {
  it('is the same under another seed, and reported', async () => {
    const first = await train({ data: at('street'), name: 'first' });
    expect(lines).toContainEqual(
      expect.stringMatching(
        /^data: street, layout folder: 3 classes from data.yaml \(ground, disc, bar\), 8 train and 2 val images, split by hash$/,
      ),
    );
    const second = await train({ data: at('street'), name: 'second', seed: 1 });
    expect(splitOf(second.run)).toEqual(splitOf(first.run));
    const other = await train({ data: at('street'), name: 'other', splitSeed: 1 });
    expect(splitOf(other.run)).not.toEqual(splitOf(first.run));
  });

  it('holds when the data have grown, for evaluate, --resume and from=', async () => {
    const before = splitOf(at('runs/train/first'));
    // One that the hash alone would put on the other side, were the split not stored.
    const place = (name: string) => placeOf(name) < 0.2;
    const added = Array.from({ length: 6 }, (_, i) => `00_new_${i}`);
    for (const name of added) writeSample(at('street'), name);
    const run = openRunFolder(at('runs/train/first'));
    const { dataset, warnings } = await openRunData(run, loadDescription(run));
    expect(warnings).toEqual([
      expect.stringMatching(/first: 6 samples are new; the others keep the side that they had$/),
    ]);
    const expected = [...before.val, ...added.filter(place)].sort();
    expect(dataset.splits.val.map(({ id }) => id)).toEqual(expected);
    await train({ name: 'first' }, true);
    expect(lines).toContainEqual(
      expect.stringMatching(/^warning: the data are not those of .*first: 6 samples are new/),
    );
    expect(splitOf(at('runs/train/first')).val.sort()).toEqual(expected);
    const next = await train({ data: at('street'), from: at('runs/train/other'), seed: 3, name: 'next' });
    const of = splitOf(at('runs/train/other'));
    expect(of.val.filter((id) => !splitOf(next.run).val.includes(id))).toEqual([]);
    expect(of.train.filter((id) => splitOf(next.run).val.includes(id))).toEqual([]);
  });

  it('counts samples that are gone or changed, and finds those that were trained on in a split of another data set', async () => {
    const { train: trained } = splitOf(at('runs/train/first'));
    rmSync(at('street/images', `${trained[0]}.png`));
    rmSync(at('street/masks', `${trained[0]}.png`));
    writeFileSync(at('street/masks', `${trained[1]}.png`), readFileSync(at('street/images', `${trained[1]}.png`)));
    const run = openRunFolder(at('runs/train/first'));
    const { warnings } = await openRunData(run, loadDescription(run));
    expect(warnings[0]).toMatch(/first: 1 sample is missing, 1 is changed;/);
    const swapped = await openDataSet(at('street'));
    const names = new Set(trained);
    expect(swapped.splits.val.some(({ id }) => names.has(id))).toBe(false);
  });

  it('is not known of a run that an earlier version made, which is reported', async () => {
    rmSync(at('runs/train/second/split.json'));
    const run = openRunFolder(at('runs/train/second'));
    const { warnings } = await openRunData(run, loadDescription(run));
    expect(warnings).toEqual([expect.stringMatching(/second does not say how its data were split/)]);
  });
});

describe('the classes of another data set', () => {
  const open = (data: string) => {
    const run = openRunFolder(at('runs/train/other'));
    return openRunData(run, loadDescription(run), data);
  };

  it('go by name: the same images with their values permuted have the labels of the network', async () => {
    writeFolder(at('plain'), 10);
    writeFolder(at('permuted'), 10, ['ground', 'bar', 'disc'], (id) => [0, 2, 1][id]);
    const [plain, permuted] = [await open(at('plain')), await open(at('permuted'))];
    expect(permuted.dataset.classes.map(({ name }) => name)).toEqual(['ground', 'disc', 'bar']);
    expect(permuted.dataset.splits.val.length).toBeGreaterThan(0);
    for (const [i, sample] of permuted.dataset.splits.val.entries()) {
      const expected = await loadSample(plain.dataset as ImageSet, plain.dataset.splits.val[i]);
      expect((await loadSample(permuted.dataset as ImageSet, sample)).label).toEqual(expected.label);
    }
  });

  it('are refused with both lists where the names differ', async () => {
    writeFolder(at('named'), 4, ['ground', 'disc', 'pole']);
    await expect(open(at('named'))).rejects.toThrow(
      /named has the classes ground, disc, pole, the network has ground, disc, bar/,
    );
  });
});

describe('settings of a split', () => {
  it('are refused for data that have one', async () => {
    await expect(train({ data: 'scenes:40x40', fold: 1, name: 'x' })).rejects.toThrow(
      /fold: scenes has train and val of its own/,
    );
    await expect(train({ data: 'scenes:40x40', splitSeed: 1, name: 'x' })).rejects.toThrow(/splitSeed: scenes has/);
    await expect(train({ data: 'scenes:40x40', splitOf: at('street'), name: 'x' })).rejects.toThrow(
      /splitOf: .*street holds no split.json/,
    );
  });
});
