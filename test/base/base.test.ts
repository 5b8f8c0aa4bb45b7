import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.ts';
import { createRandom, shuffled } from '../../src/base/random.ts';
import { formatBytes, formatDuration, suggest } from '../../src/base/text.ts';

describe('errors', () => {
  it('carry a code and say what to do', () => {
    const error = new ConfigError('unknown key "epoch"', 'did you mean "epochs"?');
    expect([error.code, error.name, error.message]).toEqual([
      'config',
      'ConfigError',
      'unknown key "epoch"; did you mean "epochs"?',
    ]);
  });
});

describe('random', () => {
  it('gives the same numbers for the same key and others for another', () => {
    const draw = (...key: [number, ...number[]]) => Array.from({ length: 8 }, createRandom(...key).uniform);
    expect(draw(1, 2, 3)).toEqual(draw(1, 2, 3));
    expect(draw(1, 2, 3)).not.toEqual(draw(1, 3, 2));
  });

  it('is uniform on [0, 1) and normal with unit variance', () => {
    const random = createRandom(7);
    const uniform = Array.from({ length: 20_000 }, random.uniform);
    const normal = Array.from({ length: 20_000 }, random.normal);
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    expect(Math.min(...uniform)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...uniform)).toBeLessThan(1);
    expect(mean(uniform)).toBeCloseTo(0.5, 1);
    expect(mean(normal)).toBeCloseTo(0, 1);
    expect(mean(normal.map((v) => v * v))).toBeCloseTo(1, 1);
  });

  it('shuffles to a permutation', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer(), (items, seed) => {
        expect([...shuffled(items, createRandom(seed))].sort()).toEqual([...items].sort());
      }),
    );
  });
});

describe('text', () => {
  it('names the nearest valid name, sizes and durations', () => {
    expect(suggest('epoch', ['epochs', 'batch'])).toContain('did you mean "epochs"?');
    const many = ['data', 'epochs', 'batch', 'crop', 'weights.learningRate', 'layers', 'filters', 'blocks', 'trials'];
    expect(suggest('epoch', many)).toMatch(/^did you mean "epochs", "\w+" or "\w+"\?$/);
    expect(suggest('learningRate', many)).toContain('did you mean "weights.learningRate"');
    expect(suggest('learn', many)).toContain('did you mean "weights.learningRate"');
    expect([formatBytes(512), formatBytes(1536), formatBytes(3 * 2 ** 30)]).toEqual(['512 B', '1.50 KiB', '3.00 GiB']);
    expect([formatDuration(4.24), formatDuration(185), formatDuration(3720)]).toEqual([
      '4.2 s',
      '3 min 05 s',
      '1 h 02 min',
    ]);
  });
});
