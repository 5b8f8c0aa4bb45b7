import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Architecture, buildArchitecture } from '../../src/models/architecture.ts';
import { countNetwork } from '../../src/models/graph.ts';
import { estimateMemory } from '../../src/models/memory.ts';
import { findArchitecture } from '../../src/models/registry.ts';
import { BUDGET_KEYS, type Budget, fitWidth, REFUSED, SAID } from '../../src/models/width.ts';
import { LEAST_WIDTH, WIDTH_STEP } from '../../src/models/widthParts.ts';
import { registryCases } from '../helpers/registry.ts';

const SIZE = { 2: [97, 129], 3: [32, 64, 32] } as const;

/** The sizes of Auto-DeepLab differ in their filters only, which a budget replaces. */
const cases = registryCases
  .filter(({ name }) => !/^auto-deeplab-[ml]$/.test(name))
  .map(({ name, rank, architecture }) => {
    const multiple = buildArchitecture(architecture, { inputs: 2, classes: 3, rank }).sideMultiple ?? 1;
    const size = SIZE[rank].map((side) => (multiple > 1 ? multiple * Math.ceil(side / multiple) : side));
    return { name, rank, architecture, size, options: { inputs: 2, classes: 3, rank } };
  });

type Case = (typeof cases)[number];

/** The network that fits, or the refusal, of one budget. */
const fitted = ({ architecture, options, size }: Case, budget: Budget) => {
  try {
    return fitWidth(architecture, options, budget, size);
  } catch (error) {
    return error as Error;
  }
};

describe('a width that fits', () => {
  it.each(cases)('$name in $rank dimensions: never over, counted exactly, in steps of 4, monotone', (one) => {
    const { architecture, size } = one;
    const budgets = fc.record({
      key: fc.constantFrom('multiplyAdds', 'parameters', 'inferenceMemory', 'trainingMemory' as const),
      exponent: fc.double({ min: -1, max: 1, noNaN: true }),
      more: fc.double({ min: 1, max: 1.3, noNaN: true }),
    });
    const middle = fitWidth(architecture, { ...one.options }, { multiplyAdds: 1e9 }, size).cost;
    fc.assert(
      fc.property(budgets, ({ key, exponent, more }) => {
        const limit = (middle[key] as number) * 10 ** exponent;
        const narrow = fitted(one, { [key]: limit });
        if (narrow instanceof Error) {
          expect(narrow.message).toMatch(/^budget\.\w+(: expected at least|=.*nearest network below)/);
          return;
        }
        const { options, cost } = narrow;
        expect(cost[key]).toBeLessThanOrEqual(limit);
        expect(narrow.unused).toBeCloseTo(1 - (cost[key] as number) / limit, 12);
        expect(narrow.unused).toBeLessThanOrEqual(REFUSED);
        expect(narrow.note !== undefined).toBe(narrow.unused > SAID);
        const graph = buildArchitecture(architecture, options);
        const { multiplyAdds, parameters } = countNetwork(graph, size);
        const { inferenceBytes, trainingBytes } = estimateMemory(graph, size, 1);
        expect([cost.multiplyAdds, cost.parameters]).toEqual([multiplyAdds, parameters]);
        expect([cost.inferenceMemory, cost.trainingMemory]).toEqual([inferenceBytes, trainingBytes]);
        const { aspp = 8, decoder = 8, lowLevel = 4 } = options.head ?? {};
        const widths = [...(options.widths ?? []), ...(options.stem ?? []), aspp, decoder, lowLevel];
        for (const width of widths) expect(width % WIDTH_STEP).toBe(0);
        expect(Math.min(...widths)).toBeGreaterThanOrEqual(LEAST_WIDTH.level);
        const sum = Object.values(narrow.shares).reduce((total, share) => total + share, 0);
        expect(sum).toBeCloseTo(1, 9);
        const wide = fitted(one, { [key]: limit * more });
        if (wide instanceof Error) return;
        expect(wide.multiplier).toBeGreaterThanOrEqual(narrow.multiplier);
        expect(wide.cost[key]).toBeGreaterThanOrEqual(cost[key] as number);
      }),
      { numRuns: 3 },
    );
  });

  it('keeps several budgets at once, and says which of them is the tightest', () => {
    const [one] = cases.filter(({ name }) => name === 'auto-deeplab-s');
    const wide = fitWidth(one.architecture, one.options, { multiplyAdds: 1e9 }, one.size);
    expect(wide.tightest).toBe('multiplyAdds');
    const parameters = wide.cost.parameters / 2;
    const both = fitWidth(one.architecture, one.options, { multiplyAdds: 1e9, parameters }, one.size);
    expect(both.tightest).toBe('parameters');
    expect(both.cost.parameters).toBeLessThanOrEqual(parameters);
    expect(both.multiplier).toBeLessThan(wide.multiplier);
  });

  it('takes a latency that is predicted, for a batch too', () => {
    const [one] = cases.filter(({ name }) => name === 'unet');
    const { architecture, options, size } = one;
    const latencyOf = (graph: Parameters<typeof countNetwork>[0], _: unknown, batch: number) =>
      (batch * countNetwork(graph, size).multiplyAdds) / 1e8;
    const one1 = fitWidth(architecture, options, { latencyMs: 10 }, size, 1, latencyOf);
    const two = fitWidth(architecture, options, { latencyMs: 10 }, size, 2, latencyOf);
    expect(one1.cost.latencyMs).toBeLessThanOrEqual(10);
    expect(two.cost.latencyMs).toBeLessThanOrEqual(10);
    expect(two.multiplier).toBeLessThan(one1.multiplier);
    expect(() => fitWidth(architecture, options, { latencyMs: 10 }, size)).toThrow(
      /no latency table.*espalier measure/,
    );
  });

  it.each(cases)('$name in $rank dimensions: what it names as nearest exists', (one) => {
    for (const key of BUDGET_KEYS.filter((name) => name !== 'latencyMs')) {
      const refusal = fitted(one, { [key]: 1 }) as Error;
      const [, least] = /expected at least ([\d.e]+)/.exec(refusal.message) as RegExpExecArray;
      const found = fitted(one, { [key]: Number(least) });
      expect(found, `${key} ${least}`).not.toBeInstanceOf(Error);
      if (!(found instanceof Error)) expect(found.unused).toBeLessThan(0.002);
    }
  });

  it('refuses budgets that leave more than a tenth over, with what there is on both sides', () => {
    const [unet] = cases.filter(({ name, rank }) => name === 'unet' && rank === 2);
    const refusal = fitted(unet, { multiplyAdds: 1e15 }) as Error;
    expect(refusal.message).toMatch(/nearest network below takes [\d.]+e9 \(\d+ % less\), and it is the widest/);
    const levels = { ...unet, architecture: findArchitecture('unet:levels=2') as Architecture };
    const refusals = Array.from({ length: 60 }, (_, i) => fitted(levels, { multiplyAdds: 6e6 * 1.03 ** i })).filter(
      (result) => result instanceof Error && /nearest/.test(result.message),
    );
    for (const { message } of refusals as Error[]) {
      const [, below, above] = /takes ([\d.e]+) .*, the next wider one ([\d.e]+)/.exec(message) as RegExpExecArray;
      for (const cost of [below, above])
        expect(fitted(levels, { multiplyAdds: Number(cost) })).not.toBeInstanceOf(Error);
    }
  });

  it('refuses limits that are none', () => {
    const [one] = cases;
    expect(() => fitWidth(one.architecture, one.options, {}, one.size)).toThrow(/expected at least one limit/);
    for (const limit of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => fitWidth(one.architecture, one.options, { parameters: limit }, one.size)).toThrow(
        /budget\.parameters: expected a number above 0/,
      );
  });
});
