/** @file How far a search has decided: shares against the entropies of uniform choices, for logits of both methods. */
import { describe, expect, it } from 'vitest';
import { Generator } from '../../src/engine/device.ts';
import { decidedShares, describeDecided, entropiesOf, isUndecided } from '../../src/method/decided.ts';
import { METHODS } from '../../src/method/registry.ts';
import { parseConfig } from '../../src/run/config/config.ts';
import { settings } from '../../src/run/config/presets.ts';

const DATA = { rank: 2, inputs: 3, classes: 4, batch: 2, size: [33, 33] } as const;

/** Every logit of a snapshot times `factor`. */
function scaled(value: unknown, factor: number): unknown {
  if (Array.isArray(value)) return value.map((one) => scaled(one, factor));
  return typeof value === 'number' ? factor * value : value;
}

const shares = (metrics: Record<string, number>, limits: Record<string, number>) =>
  decidedShares(entropiesOf(metrics), entropiesOf(limits));

describe('what a search has decided', () => {
  it.each(['auto-deeplab', 'dints'] as const)('%s: nothing with equal logits, everything with far ones', (name) => {
    const config = parseConfig(settings.search, [{ data: 'd', method: name, preset: 'demo' }]);
    const method = METHODS[name]({ ...config, warmupEpochs: 1 } as never);
    const data = name === 'dints' ? { ...DATA, size: [64, 64] } : DATA;
    const origin = { generator: new Generator(1).id, device: 'cpu', normEpsilon: 1e-5 };
    // Drawn with a deviation of 0.001.
    const tables = Object.entries(method.createSearchNetwork(origin, data).snapshot() as object);
    const of = (scale: number) => {
      const logits = Object.fromEntries(tables.map(([key, table]) => [key, scaled(table, 1000 * scale)]));
      const { metrics, limits } = method.describe(logits, data);
      return shares(metrics, limits);
    };
    const none = of(0);
    expect(Object.keys(none)).toEqual(name === 'dints' ? ['operators', 'patterns'] : ['operators', 'moves']);
    for (const share of Object.values(none)) expect(share).toBeCloseTo(0, 5);
    expect(isUndecided(none)).toBe(true);
    for (const share of Object.values(of(1000))) expect(share).toBeGreaterThan(0.9);
    expect(isUndecided(of(1000))).toBe(false);
  });

  it('is said in percent of each choice', () => {
    expect(describeDecided({ operators: 0.021, moves: 0.11 })).toBe('operators 2 % decided, moves 11 %');
    expect(isUndecided({ operators: 0.021, moves: 0.11 })).toBe(false);
    expect(isUndecided({ operators: 0.021, moves: 0.04 })).toBe(true);
    // Logs of earlier versions have no limits: nothing is known.
    expect(isUndecided(decidedShares({ operators: 2 }, {}))).toBe(false);
    expect(decidedShares({ operators: null, moves: 3 }, { operators: 2, moves: 2 })).toEqual({ moves: 0 });
  });
});
