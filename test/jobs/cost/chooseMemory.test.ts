import { describe, expect, it } from 'vitest';
import { availableBytes, chooseMemory } from '../../../src/jobs/cost/chooseMemory.ts';
import { methodOf } from '../../../src/jobs/prepare/methodOf.ts';
import type { SearchData } from '../../../src/method/method.ts';
import { parseConfig } from '../../../src/run/config/config.ts';
import { settings } from '../../../src/run/config/presets.ts';
import type { SearchConfig } from '../../../src/run/config/schemas/search.ts';

const GiB = 2 ** 30;

describe('what a search keeps', () => {
  const stepBytes = (memory: 'fast' | 'balanced' | 'small') => ({ fast: 8, balanced: 5, small: 2 })[memory] * GiB;

  it.each([
    [11, 'fast'],
    [10, 'fast'],
    [9, 'balanced'],
    [5, 'small'],
    [1, 'small'],
  ] as const)('of %i GiB is %s', (available, memory) => {
    expect(chooseMemory(stepBytes, available * GiB)).toBe(memory);
  });

  it('is chosen by memory that a machine can have', () => {
    expect(availableBytes()).toBeGreaterThan(0);
    expect(availableBytes()).toBeLessThan(2 ** 50);
  });
});

describe('the bytes that a pass keeps', () => {
  const cases = [
    ['auto-deeplab', { rank: 2, inputs: 3, classes: 19, batch: 2, size: [321, 321] }],
    ['dints', { rank: 3, inputs: 1, classes: 3, batch: 1, size: [64, 64, 64] }],
  ] as const;
  const of = (method: string, words: Record<string, unknown> = {}) =>
    methodOf({ ...parseConfig(settings.search, [{ data: 'none', method }]), ...words } as SearchConfig).keptBytes;

  it.each(cases)('of %s fall with what is kept, and grow with the batch', (method, data: SearchData) => {
    const kept = of(method);
    const bytes = (['fast', 'balanced', 'small'] as const).map((memory) => kept(data, memory, false));
    expect(bytes).toEqual(bytes.toSorted((a, b) => b - a));
    expect(new Set(bytes).size).toBe(3);
    expect(kept({ ...data, batch: 2 * data.batch }, 'fast', false)).toBe(2 * bytes[0]);
  });

  it.each(cases)(
    'of %s are more where its cells or edges are composed, whatever was chosen',
    (method, data: SearchData) => {
      const composed = of(method, { fused: false });
      expect(composed(data, 'small', false)).toBe(composed(data, 'fast', false));
      expect(composed(data, 'fast', false)).toBeGreaterThan(of(method)(data, 'fast', false));
      const half = of(method, { precision: 'bfloat16' })(data, 'fast', false);
      expect(half).toBeLessThanOrEqual(of(method)(data, 'fast', false));
      expect(half).toBeGreaterThan(of(method)(data, 'fast', false) / 2);
    },
  );

  it('of Auto-DeepLab are less where fewer channels or operators are computed', () => {
    const [[method, data]] = cases;
    const composed = of(method, { fused: false })(data, 'fast', false);
    expect(of(method)(data, 'fast', true)).toBe(composed);
    for (const words of [{ partialChannels: 4 }, { sampling: 'gumbel' }])
      expect(of(method, words)(data, 'fast', false)).toBeLessThan(composed / 2);
  });
});
