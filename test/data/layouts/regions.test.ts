/** @file Regions of `dataset.json` and `data.yaml`: what is read, which order is taken, what is refused and how to fix it; labels to regions and back. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../../src/base/errors.ts';
import { openDataSet } from '../../../src/data/detect.ts';
import { parseLabels } from '../../../src/data/layouts/labelValues.ts';
import { namedRegions, requireRegions } from '../../../src/data/regions/named.ts';
import { insideTable, outputNames, regionShares, toRegions, writeRegions } from '../../../src/data/regions/regions.ts';
import { formatRecord, parseRecord, recordOf } from '../../../src/data/splitRecord.ts';
import { orderClasses } from '../../../src/data/splits.ts';
import { IGNORE, type Region } from '../../../src/data/types.ts';
import { CELLS, TUMOUR, writeCells, writeTumours } from '../../helpers/regionSets.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';

const region = (classes: number[], written: number): Region => ({ name: 'r', colour: [0, 0, 0], classes, written });

describe('labels -> regions -> labels', () => {
  it('is the identity where each of nested regions writes what the next one lacks', () => {
    const nested = fc
      .integer({ min: 1, max: 30 })
      .map((count) => Array.from({ length: count }, (_, i) => i + 1))
      .chain((ids) => fc.shuffledSubarray(ids, { minLength: ids.length, maxLength: ids.length }))
      .map((ids) => ids.map((written, i) => region(ids.slice(i), written)));
    fc.assert(
      fc.property(nested, fc.uint8Array({ maxLength: 200 }), (regions, raw) => {
        const ids = raw.map((value) => value % (regions.length + 1));
        expect(writeRegions(toRegions(ids, regions), regions)).toEqual(ids);
      }),
    );
  });

  it('of any regions writes the last one that holds a pixel', () => {
    const regions = fc.array(
      fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { minLength: 1 }).map((ids) => region(ids, ids[0])),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(regions, fc.uint8Array({ max: 5, minLength: 1, maxLength: 50 }), (all, ids) => {
        const masks = toRegions(ids, all);
        const table = insideTable(all, 6);
        const written = writeRegions(masks, all);
        ids.forEach((id, pixel) => {
          const own = all.map(({ classes }) => classes.includes(id));
          own.forEach((isInside, r) => {
            expect(masks[r * ids.length + pixel]).toBe(Number(isInside));
            expect(table[id * all.length + r]).toBe(Number(isInside));
          });
          expect(written[pixel]).toBe(all.findLast((_, r) => own[r])?.written ?? 0);
        });
      }),
    );
  });

  it('has no region where nothing counts', () => {
    expect([...toRegions(Uint8Array.of(1, IGNORE), [region([1], 1)])]).toEqual([1, 0]);
  });
});

describe('dataset.json', () => {
  it('takes names of several values as regions, in their order, and every value as a class', async () => {
    const root = temporaryFolder();
    writeTumours(root, 5, 8);
    const dataset = await openDataSet(root);
    expect(dataset.classes.map(({ name }) => name)).toEqual(['background', 'label 1', 'label 2', 'enhancing tumour']);
    expect([0, 1, 2, 3, 4, 255].map((value) => dataset.labelMap[value])).toEqual([0, 1, 2, -1, 3, 255]);
    expect(dataset.regions).toMatchObject([
      { name: 'whole tumour', classes: [1, 2, 3], written: 1 },
      { name: 'tumour core', classes: [2, 3], written: 2 },
      { name: 'enhancing tumour', classes: [3], written: 3 },
    ]);
    expect(outputNames(dataset)).toEqual(['whole tumour', 'tumour core', 'enhancing tumour']);
    expect(regionShares(dataset.regions!, [0.5, 0.25, 0.125, 0.125])).toEqual([0.5, 0.25, 0.125]);
  });

  it('without values of several is as before, whatever the order says', () => {
    const labels = { background: 0, a: 1, b: [2] };
    expect(parseLabels(labels, 'f', [1, 2])).toEqual(parseLabels(labels, 'f'));
    expect(parseLabels(labels, 'f').regions).toBeUndefined();
  });

  it('needs no order where it follows from the regions', () => {
    const { regions } = parseLabels(TUMOUR.labels, 'f');
    expect(regions).toEqual(parseLabels(TUMOUR.labels, 'f', TUMOUR.regions_class_order).regions);
  });

  it.each<[string, object, (string | number)[] | undefined, RegExp]>([
    ['an empty region', { a: [] }, undefined, /^f: region "a" holds no class; name its classes: background \(0\), /],
    [
      'an ignored value',
      { ignore: 3 },
      undefined,
      /^f: region "x" holds 3, which is ignored; .*take it out of the region/,
    ],
    [
      'a short order',
      {},
      [1],
      /^f: regions_class_order: expected 2 entries, one for each of x, y, got 1; give for each/,
    ],
    ['an unknown value', {}, [1, 7], /^f: regions_class_order holds 7, which is no class; the classes are background/],
    ['the wrong order', {}, [2, 1], /has 1 for region "y", which does not hold it; give one of label 2, label 3/],
    [
      'no order',
      {},
      undefined,
      /region "y": expected one class that no later region holds, got label 2, label 3; list/,
    ],
    ['twins', { z: [3, 2] }, [1, 2, 3], /regions "y" and "z" hold the same classes; take one of them out/],
    ['numbers as names', { 7: [1, 2] }, undefined, /region "7"; give it a name/],
    ['fractions', { z: [1.5, 2] }, undefined, /label "z" is 1.5; label values are whole numbers/],
    [
      'many values',
      { z: Array.from({ length: 300 }, (_, i) => i) },
      undefined,
      /regions of 300 label values; regions have/,
    ],
  ])('refuses %s, and says what to do', (_, labels, order, message) => {
    const all = { background: 0, x: [1, 2, 3], y: [2, 3], ...labels };
    expect(() => parseLabels(all, 'f', order)).toThrow(message);
    expect(() => parseLabels(all, 'f', order)).toThrow(DataError);
  });

  it('needs a background', () => {
    expect(() => parseLabels({ x: [1, 2], y: 2 }, 'f')).toThrow(/no label has the value 0; name the background/);
  });
});

describe('data.yaml', () => {
  const open = (yaml: string) => {
    const root = temporaryFolder();
    writeCells(root, { train: 1, val: 1 }, 8, yaml);
    return openDataSet(root);
  };

  it('names classes or their values', async () => {
    const dataset = await open(CELLS);
    expect(dataset.regions).toMatchObject([
      { name: 'cell', classes: [1, 2, 3], written: 1 },
      { name: 'inside', classes: [2, 3], written: 2 },
      { name: 'nucleus', classes: [3], written: 3 },
    ]);
    const other = await open(`${CELLS}regions_class_order: [4, nucleus, nucleus]\n`);
    expect(other.regions!.map(({ written }) => written)).toEqual([3, 3, 3]);
  });

  it.each([
    ['regions: {a: []}', /region "a" holds no class; name its classes: background \(0\), membrane \(1\)/],
    ['regions: {a: [membrain]}', /data.yaml: region "a" holds "membrain", which is no class; did you mean "membrane"/],
    ['regions: {a: [3]}', /region "a" holds 3, which is no class; the classes are background \(0\), membrane \(1\)/],
    ['regions: {a: [1, 9]}', /region "a" holds 9, which is ignored; what is ignored belongs to no region/],
    ['regions: {}', /expected 1 to 256 regions, got 0; name each with its classes/],
    ['regions: [1, 2]', /`regions`: expected a map from the name of a region to its classes/],
    ['regions: {a: [1], b: [2]}\nregions_class_order: [1]', /regions_class_order: expected 2 entries.*a, b, got 1/],
    ['regions: {a: [1], b: [2]}\nregions_class_order: [2, 1]', /has 2 for region "a", which does not hold it/],
    ['regions_class_order: [1]', /`regions_class_order` without `regions`; name the regions/],
  ])('refuses %s', async (lines, message) => {
    await expect(
      open(`classes: {0: background, 1: membrane, 2: plasma, 4: nucleus}\nignore: 9\n${lines}\n`),
    ).rejects.toThrow(message);
  });

  it('beside volumes gives them regions, and nothing else', async () => {
    const root = temporaryFolder();
    writeTumours(root, 5, 8, { labels: { background: 0, oedema: 1, core: 2, enhancing: 4 } });
    const yaml = join(root, 'data.yaml');
    writeFileSync(yaml, 'regions: {whole: [oedema, core, 4], core: [core, enhancing]}\nregions_class_order: [1, 2]\n');
    const dataset = await openDataSet(root);
    expect(dataset.regions).toMatchObject([
      { name: 'whole', classes: [1, 2, 3], written: 1 },
      { name: 'core', classes: [2, 3], written: 2 },
    ]);
    expect(dataset.notes).toBeUndefined();
    expect((await openDataSet(yaml)).regions).toEqual(dataset.regions);
    writeFileSync(yaml, 'classes: [a, b]\nregions: {whole: [oedema]}\n');
    expect((await openDataSet(root)).notes).toEqual([
      'of data.yaml only `regions` is read: dataset.json describes these volumes',
    ]);
    writeFileSync(join(root, 'dataset.json'), JSON.stringify({ channel_names: { 0: 'a', 1: 'b' }, ...TUMOUR }));
    await expect(openDataSet(root)).rejects.toThrow(/`regions` where dataset.json has regions, too; state them in one/);
  });
});

describe('the regions of a run', () => {
  it('outlive another order of the classes and of the regions', async () => {
    const root = temporaryFolder();
    writeCells(root, { train: 1, val: 1 }, 8);
    const dataset = await openDataSet(root);
    const record = parseRecord(formatRecord(recordOf(dataset)), 'split.json');
    expect(record.regions).toEqual(namedRegions(dataset));
    const turned = orderClasses(dataset, ['nucleus', 'plasma', 'membrane', 'background'], 'the run');
    expect(turned.regions).toMatchObject([
      { name: 'cell', classes: [0, 1, 2], written: 2 },
      { name: 'inside', classes: [0, 1], written: 1 },
      { name: 'nucleus', classes: [0], written: 0 },
    ]);
    const mixed = { ...turned, regions: [...turned.regions!].reverse() };
    const back = orderClasses(mixed, record.classes, 'the run');
    expect(requireRegions(back, record.regions, 'the run')).toEqual(dataset);
    const plain = { ...dataset, regions: undefined };
    expect(requireRegions(plain, record.regions, 'the run').regions).toMatchObject(
      dataset.regions!.map(({ name, classes, written }) => ({ name, classes, written })),
    );
    const other = { ...dataset, regions: dataset.regions!.map((one) => ({ ...one, written: 3 })) };
    expect(() => requireRegions(other, record.regions, 'the run')).toThrow(
      /has the regions cell \(membrane, nucleus, plasma; writes nucleus\).*the run has cell .*writes membrane\).*give data with the same/,
    );
    expect(() => requireRegions(dataset, undefined, 'the run')).toThrow(
      /has the regions cell, inside, nucleus, the run has none/,
    );
    const strange = JSON.stringify({
      version: 1,
      classes: ['a'],
      regions: [{ name: 'r', classes: ['b'], written: 'a' }],
      splits: {},
    });
    expect(() => parseRecord(strange, 'split.json')).toThrow(
      /split.json: regions: expected names of its classes, got "b"/,
    );
  });
});
