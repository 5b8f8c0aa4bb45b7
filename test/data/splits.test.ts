/** @file The sides of samples: by hash, kept by runs; classes and modalities by name. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placeOf, splitFold, splitShare } from '../../src/data/folds.ts';
import { compareToRecord, describeChange, keepSides } from '../../src/data/sides.ts';
import { formatRecord, mergeRecords, parseRecord, recordOf } from '../../src/data/splitRecord.ts';
import { orderClasses, orderModalities } from '../../src/data/splits.ts';
import { createLabelMap, type ImageSet, type Sample, type VolumeSet } from '../../src/data/types.ts';
import { standardPreparation } from '../../src/data/volumes/preparation.ts';

const sample = (id: string): Sample => ({ id, source: { kind: 'scene', seed: 0, width: 32, height: 32 } });
const ids = (samples: readonly Sample[]) => samples.map(({ id }) => id);
const uniqueIds = (minLength: number, maxLength: number) =>
  fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' }), {
    minLength,
    maxLength,
    selector: (id) => id.normalize('NFC'),
  });

const pictures = (splits: ImageSet['splits'], names = ['ground', 'disc', 'bar']): ImageSet => ({
  name: 'street',
  layout: 'folder',
  rank: 2,
  classes: names.map((name) => ({ name, colour: [0, 0, 0] })),
  ignore: 255,
  labelMap: createLabelMap(names.length),
  splits,
  splitRule: 'hash',
  unpaired: [],
});

describe('the split by hash', () => {
  it('gives a name one place on every machine', () => {
    // printf '0:00' | sha256sum
    expect(placeOf('00')).toBe(0xa1810a5d5813 / 2 ** 48);
    expect(placeOf('caf\u00e9')).toBe(placeOf('cafe\u0301'));
    expect(placeOf('00', 1)).not.toBe(placeOf('00'));
  });

  it('leaves every sample on its side when others are added or taken away', () => {
    fc.assert(
      fc.property(uniqueIds(80, 120), fc.integer({ min: 60, max: 80 }), fc.nat(9), (all, count, splitSeed) => {
        const [small, large] = [all.slice(0, count), all].map((list) => splitFold(list.map(sample), { splitSeed }));
        const after = new Set(ids(large.val));
        // With 60 samples in 5 folds none is empty, in all but about 1 of 10^5 draws: then it is the rule for small data that holds.
        fc.pre(new Set(all.slice(0, count).map((id) => Math.floor(5 * placeOf(id, splitSeed)))).size === 5);
        expect(ids(small.val).every((id) => after.has(id))).toBe(true);
        expect(ids(small.train).some((id) => after.has(id))).toBe(false);
      }),
    );
  });

  it('puts about the share into val, never none and never all', () => {
    const { train, val } = splitShare(
      Array.from({ length: 4000 }, (_, i) => sample(`image-${i}`)),
      0.2,
    );
    expect(Math.abs(val.length / 4000 - 0.2)).toBeLessThan(0.02);
    expect(train.length + val.length).toBe(4000);
    fc.assert(
      fc.property(uniqueIds(2, 6), fc.double({ min: 0.01, max: 0.99, noNaN: true }), (all, share) => {
        const split = splitShare(all.map(sample), share);
        expect(split.val.length).toBeGreaterThan(0);
        expect(split.train.length).toBeGreaterThan(0);
        expect([...ids(split.train), ...ids(split.val)].sort()).toEqual([...all].sort());
      }),
    );
  });

  it('keeps the samples of a group together', () => {
    const frames = Array.from({ length: 12 }, (_, video) =>
      Array.from({ length: 5 }, (_, frame) => sample(`video${video}_${frame}`)),
    ).flat();
    const groupOf = (id: string) => id.replace(/_\d+$/, '');
    for (let fold = 0; fold < 3; fold++) {
      const { train, val } = splitFold(frames, { fold, folds: 3, groupOf });
      const trained = new Set(ids(train).map(groupOf));
      expect(ids(val).some((id) => trained.has(groupOf(id)))).toBe(false);
    }
  });
});

describe('the split of a run', () => {
  const before = pictures({ train: ['a', 'b', 'c'].map(sample), val: ['d', 'e'].map(sample) });

  it('is a file that reads back to the same, whatever the names', () => {
    fc.assert(
      fc.property(uniqueIds(2, 12), fc.nat(12), (all, at) => {
        const list = [...all.slice(0, at), '__proto__', 'constructor', ...all.slice(at)].map(sample);
        const record = recordOf(pictures({ train: list.slice(0, at), val: list.slice(at) }));
        expect(parseRecord(formatRecord(record), 'split.json')).toEqual(record);
      }),
    );
    expect(() => parseRecord('{', 'split.json')).toThrow(/split\.json: no valid JSON/);
    expect(() => parseRecord('{"version":1,"classes":[]}', 'split.json')).toThrow(/split\.json: splits: /);
  });

  it('holds for the data that are there now: no trained sample becomes val', () => {
    const record = recordOf(before);
    fc.assert(
      fc.property(fc.subarray(['a', 'b', 'c', 'd', 'e', 'f', 'g']), fc.nat(7), (all, at) => {
        const dealt = pictures({ train: all.slice(0, at).map(sample), val: all.slice(at).map(sample) });
        const { splits } = keepSides(dealt, record);
        expect(ids([...splits.train, ...splits.val]).sort()).toEqual(all);
        for (const id of all) {
          const side = ids(splits.val).includes(id) ? 'val' : 'train';
          const known = 'abc'.includes(id) ? 'train' : 'de'.includes(id) ? 'val' : undefined;
          expect(side).toBe(known ?? (all.indexOf(id) < at ? 'train' : 'val'));
        }
        const given: ImageSet = { ...dealt };
        delete given.splitRule;
        expect(keepSides(given, record)).toBe(given);
      }),
    );
  });

  it('counts what is new, missing, changed and moved', () => {
    const record = recordOf(before);
    const after = pictures({ train: ['b', 'e', 'f'].map(sample), val: ['d'].map(sample) });
    const grown = {
      ...record,
      splits: {
        ...record.splits,
        val: new Map([
          ['d', 7],
          ['e', 0],
        ]),
      },
    };
    expect(compareToRecord(after, grown)).toEqual({ added: 1, missing: 2, changed: 1, moved: 1, common: 3 });
    expect(describeChange(compareToRecord(after, record))).toBe(
      '1 sample is new, 2 are missing, 1 is in another split',
    );
    expect(describeChange(compareToRecord(before, record))).toBeUndefined();
    const merged = mergeRecords(record, recordOf(after));
    expect(Object.entries(merged.splits).map(([name, of]) => [name, [...of.keys()].sort()])).toEqual([
      ['train', ['a', 'b', 'c', 'e', 'f']],
      ['val', ['d']],
    ]);
  });
});

describe('the classes of a data set', () => {
  it('go by name: every value keeps the name of its class', () => {
    const names = ['ground', 'disc', 'bar', 'car'];
    fc.assert(
      fc.property(fc.shuffledSubarray(names, { minLength: 4 }), (wanted) => {
        const dataset = { ...pictures({ train: [], val: [] }, names), submissionValues: [7, 8, 9, 10] };
        const ordered = orderClasses(dataset, wanted, 'the network');
        expect(ordered.classes.map(({ name }) => name)).toEqual(wanted);
        for (const [value, name] of names.entries()) {
          const id = ordered.labelMap[value];
          expect(ordered.classes[id].name).toBe(name);
          expect(ordered.submissionValues?.[id]).toBe(7 + value);
        }
        expect([ordered.labelMap[4], ordered.labelMap[255]]).toEqual([-1, 255]);
      }),
    );
  });

  it('are refused with both lists where the names differ', () => {
    const dataset = pictures({ train: [], val: [] });
    for (const wanted of [
      ['ground', 'disc'],
      ['ground', 'disc', 'pole'],
      ['ground', 'disc', 'disc'],
    ])
      expect(() => orderClasses(dataset, wanted, 'the network')).toThrow(
        `street has the classes ground, disc, bar, the network has ${wanted.join(', ')}`,
      );
  });

  it('modalities, too: with their files and their normalisation', () => {
    const modalities = ['CT', 'T1'];
    const volumes: VolumeSet = {
      ...pictures({ train: [], val: [] }),
      rank: 3,
      modalities,
      preparation: standardPreparation(modalities),
      splits: { train: [{ id: 'a', source: { kind: 'volume', images: ['ct', 't1'], label: 'l' } }], val: [] },
    };
    const ordered = orderModalities(volumes, ['T1', 'CT'], 'the network');
    expect(ordered.splits.train[0].source).toEqual({ kind: 'volume', images: ['t1', 'ct'], label: 'l' });
    expect(ordered.preparation).toEqual(standardPreparation(['T1', 'CT']));
    const whole: VolumeSet = {
      ...volumes,
      splits: { train: [{ id: 'a', source: { kind: 'volume', images: ['both'], label: 'l' } }], val: [] },
    };
    expect(() => orderModalities(whole, ['T1', 'CT'], 'the network')).toThrow(/channels in the order CT, T1/);
    expect(() => orderModalities(volumes, ['T1', 'PET'], 'the network')).toThrow(/modalities CT, T1.*T1, PET/);
  });
});
