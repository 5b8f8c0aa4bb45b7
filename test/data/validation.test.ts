import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openDataSet } from '../../src/data/detect.ts';
import { holdOut, withHeldOut } from '../../src/data/heldOut/validation.ts';
import { hasRealData, realData } from './realData.ts';

const frames = (prefix: string, count: number, first = 30, step = 30) =>
  Array.from({ length: count }, (_, i) => `train/${prefix}_${String(first + step * i).padStart(6, '0')}`);

describe('trusted validation', () => {
  it('holds out runs of neighbouring frames with a gap on both sides', () => {
    const ids = [...frames('0016E5', 204), ...frames('0006R0', 101), ...frames('0001TP', 62)];
    const { validation, leftOut } = holdOut(ids, { rank: 2 });
    const held = Object.keys(validation);
    expect(held.length / ids.length).toBeGreaterThan(0.17);
    expect(held.length / ids.length).toBeLessThan(0.23);
    expect(new Set(Object.values(validation)).size).toBe(9);
    const gone = new Set([...held, ...leftOut]);
    // No frame that is trained on is a neighbour of one that is validated on.
    ids.forEach((id, i) => {
      if (gone.has(id)) return;
      for (const other of [ids[i - 1], ids[i + 1]])
        if (other?.slice(0, 12) === id.slice(0, 12)) expect(held).not.toContain(other);
    });
  });

  it('keeps groups, folders, patients and both eyes on one side', () => {
    const cases: [string[], (id: string) => string, Parameters<typeof holdOut>[1]][] = [];
    const plain = Array.from(
      { length: 60 },
      (_, i) => `train/x${'abcdef'[i % 6]}${String.fromCharCode(97 + (i % 23))}q${'ghijk'[i % 5]}`,
    );
    const names = [...new Set(plain)];
    const groups = Object.fromEntries(names.map((id, i) => [id, `g${i % 7}`]));
    cases.push([names, (id) => groups[id], { rank: 2, groups }]);
    const cities = Array.from({ length: 80 }, (_, i) => `train/city${i % 8}/shot${i}`);
    cases.push([cities, (id) => id.split('/')[1], { rank: 2 }]);
    const patients = Array.from({ length: 40 }, (_, i) => `patient${100 + (i >> 1)}_frame${(i & 1) * 11 + 1}`);
    cases.push([patients, (id) => id.split('_')[0], { rank: 3 }]);
    const eyes = Array.from({ length: 20 }, (_, i) => `train/Image_${10 + (i >> 1)}${'LR'[i & 1]}`);
    cases.push([eyes, (id) => id.slice(0, -1), { rank: 2 }]);
    for (const [ids, groupOf, options] of cases) {
      const { validation } = holdOut(ids, options);
      const held = new Set(Object.keys(validation).map(groupOf));
      for (const id of ids) expect(Object.hasOwn(validation, id), id).toBe(held.has(groupOf(id)));
      expect(Object.keys(validation).length).toBeGreaterThan(0.1 * ids.length);
      expect(Object.keys(validation).length).toBeLessThan(0.35 * ids.length);
    }
  });

  it('is the same whatever the order, leaves something on both sides, and parts no pair that is alike', () => {
    const name = fc
      .tuple(fc.constantFrom('a', 'b', 'scan1_', 'sub-2_ses'), fc.nat({ max: 400 }))
      .map(([p, n]) => `${p}${n}`);
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { minLength: 2, maxLength: 120 }),
        fc.constantFrom(2 as const, 3 as const),
        fc.array(fc.tuple(fc.nat({ max: 119 }), fc.nat({ max: 119 })), { maxLength: 5 }),
        (ids, rank, pairs) => {
          const alike = pairs.map(([a, b]): [string, string] => [ids[a % ids.length], ids[b % ids.length]]);
          let held: ReturnType<typeof holdOut>;
          try {
            held = holdOut(ids, { rank, alike });
          } catch (error) {
            expect((error as Error).message).toMatch(/one group/);
            return;
          }
          expect(holdOut([...ids].reverse(), { rank, alike })).toEqual(held);
          const gone = new Set([...Object.keys(held.validation), ...held.leftOut]);
          expect(Object.keys(held.validation).length).toBeGreaterThan(0);
          expect(gone.size).toBeLessThan(ids.length);
          for (const id of held.leftOut) expect(held.validation).not.toHaveProperty([id]);
          for (const [a, b] of alike)
            if (Object.hasOwn(held.validation, a) && !Object.hasOwn(held.validation, b))
              expect(held.leftOut).toContain(b);
        },
      ),
    );
  });

  it('says what is missing where nothing can be divided', () => {
    expect(() => holdOut(['a'], { rank: 2 })).toThrow('1 training sample cannot be divided');
    expect(() => holdOut(['a', 'b'], { rank: 2, groups: { a: 'x', b: 'x' } })).toThrow('belong to one group');
  });
});

describe.skipIf(!hasRealData)('trusted validation of real sets', () => {
  it.each(['nuclei', 'tiles'])('%s: finds the groups in pictures.csv', async (name) => {
    const dataset = await openDataSet(realData(name));
    const ids = dataset.splits.train.map(({ id }) => id);
    expect(Object.keys(dataset.groups ?? {})).toHaveLength(ids.length);
    const held = holdOut(ids, { rank: 2, groups: dataset.groups });
    expect(held.how).toBe('whole groups of the data set');
    const parted = withHeldOut(dataset, held);
    const groupsOf = (samples: readonly { id: string }[]) => new Set(samples.map(({ id }) => dataset.groups?.[id]));
    const trained = groupsOf(parted.splits.train);
    for (const group of groupsOf(parted.splits.val)) expect(trained.has(group)).toBe(false);
    expect(parted.extra?.reported).toHaveLength(dataset.splits.val.length);
    expect(parted.splits.val.length / ids.length).toBeGreaterThan(0.15);
    expect(parted.splits.val.length / ids.length).toBeLessThan(0.25);
  });
});
