import { describe, expect, it } from 'vitest';
import { buildArchitecture } from '../../src/models/architecture.ts';
import { countNetwork, inferShapes } from '../../src/models/graph.ts';
import { LATENCY_TARGETS, type LatencyTable, latencyUnits, predictLatency, unitKey } from '../../src/models/latency.ts';
import { registryCases } from '../helpers/registry.ts';

const cases = registryCases.flatMap((one) => LATENCY_TARGETS.map((target) => ({ ...one, target })));

/** A table in which a unit takes as many nanoseconds as it has work. */
const tableOf = (units: ReturnType<typeof latencyUnits>, scale = 1): LatencyTable => ({
  units: Object.fromEntries(
    units.map((unit) => [unitKey(unit), { kind: unit.kind, work: unit.work, ms: unit.work / 1e6 }]),
  ),
  scale,
});

describe('the units of a network', () => {
  it.each(cases)('$name in $rank dimensions on $target have all its multiply-adds and run alone', (one) => {
    const { architecture, rank, target } = one;
    const filters = { filters: 4, stem: [4, 4, 8], head: { aspp: 8, decoder: 8, lowLevel: 4 } } as const;
    const graph = buildArchitecture(architecture, { ...filters, rank, inputs: 2, classes: 3 });
    const size = Array<number>(rank).fill(graph.sideMultiple ?? 33);
    const units = latencyUnits(graph, size, target);
    const counted = units.map((unit) => countNetwork(unit.graph, unit.size).multiplyAdds);
    expect(counted.reduce((sum, count) => sum + count, 0)).toBe(countNetwork(graph, size).multiplyAdds);
    for (const unit of units) {
      const shapes = inferShapes(unit.graph, unit.size);
      expect(shapes[0].channels).toBe(unit.inputs);
      if (!unit.kind.includes('concat')) expect(shapes.at(-1)?.channels, unit.kind).toBe(unit.outputs);
      expect(unit.work).toBeGreaterThan(0);
    }
    const total = units.reduce((sum, { work }) => sum + work, 0) / 1e6;
    expect(predictLatency(tableOf(units, 2), graph, size, target)).toBeCloseTo(2 * total, 9);
  });
});

describe('a prediction', () => {
  const [{ architecture }] = registryCases.filter(({ name }) => name === 'unet');
  const graphOf = (filters: number) => buildArchitecture(architecture, { inputs: 3, classes: 4, filters });

  it('takes what is not in the table from the nearest of its kind', () => {
    const table = tableOf(latencyUnits(graphOf(8), [64, 64], 'engine'));
    const wider = latencyUnits(graphOf(12), [64, 64], 'engine');
    const expected = wider.reduce((sum, { work }) => sum + work, 0) / 1e6;
    expect(predictLatency(table, graphOf(12), [64, 64], 'engine')).toBeCloseTo(expected, 9);
  });

  it('refuses a kind that was never measured', () => {
    const { units } = tableOf(latencyUnits(graphOf(8), [64, 64], 'engine'));
    const without = Object.fromEntries(Object.entries(units).filter(([, { kind }]) => !kind.includes('s2')));
    expect(() => predictLatency({ units: without, scale: 1 }, graphOf(8), [64, 64], 'engine')).toThrow(
      /the latency table has no operator "2D convolution\.k3\.s2\.d1"; add the architecture: espalier measure/,
    );
  });
});
