import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/run/config.ts';
import { settings } from '../../src/run/presets.ts';
import { availableBytes, chooseMemory } from '../../src/train/keptMemory.ts';
import type { SearchData } from '../../src/train/method.ts';
import { methodOf } from '../../src/train/methods.ts';

const GiB = 2 ** 30;

describe('what a search keeps', () => {
  const stepBytes = (memory: 'fast' | 'balanced' | 'small') => ({ fast: 8, balanced: 5, small: 2 })[memory] * GiB;

  it.each([
    [11, 'fast'],
    [10, 'fast'],
    [9, 'balanced'],
    [5, 'small'],
  ] as const)('of %i GiB is %s', (available, memory) => {
    const choice = chooseMemory(stepBytes, available * GiB);
    expect(choice.memory).toBe(memory);
    expect(choice.message).toMatch(new RegExp(`^memory=${memory}: a step needs about \\d.* free$`));
  });

  it('is as little as can be where nothing fits, and says so', () => {
    const { memory, message } = chooseMemory(stepBytes, GiB);
    expect(memory).toBe('small');
    expect(message).toMatch(/may not fit: use a smaller batch or crop/);
  });

  it('is chosen by memory that a machine can have', () => {
    expect(availableBytes()).toBeGreaterThan(0);
    expect(availableBytes()).toBeLessThan(2 ** 50);
  });
});

describe('the bytes of a step', () => {
  const cases = [
    ['auto-deeplab', { rank: 2, inputs: 3, classes: 19, batch: 2, size: [321, 321] }],
    ['dints', { rank: 3, inputs: 1, classes: 3, batch: 1, size: [64, 64, 64] }],
  ] as const;

  it.each(cases)('of %s fall with what is kept, and grow with the batch', (method, data: SearchData) => {
    const { stepBytes } = methodOf(parseConfig(settings.search, [{ data: 'none', method }]));
    const bytes = (['fast', 'balanced', 'small'] as const).map((memory) => stepBytes(data, memory));
    expect(bytes).toEqual(bytes.toSorted((a, b) => b - a));
    expect(new Set(bytes).size).toBe(3);
    expect(stepBytes({ ...data, batch: 2 * data.batch }, 'fast')).toBeGreaterThan(bytes[0]);
  });
});
