import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildArchitecture } from '../../../src/models/architecture.ts';
import { countNetwork, inferShapes } from '../../../src/models/graph.ts';
import { leastSquares } from '../../../src/models/latency/fit.ts';
import { EMPTY_TABLE, type LatencyTable, latencyModel, predictLatency } from '../../../src/models/latency/predict.ts';
import { LATENCY_TARGETS, type LatencyUnit, latencyUnits, unitKey } from '../../../src/models/latency/units.ts';
import { registryCases } from '../../helpers/registry.ts';

const cases = registryCases.flatMap((one) => LATENCY_TARGETS.map((target) => ({ ...one, target })));

/** A machine that works on eight output channels at a time, takes 2 microseconds an operator, and so much for products, numbers and weights. */
const machineMs = ({ shape }: LatencyUnit): number => {
  const { inputs, outputs, readPixels, writtenPixels, taps, depthwiseTaps } = shape;
  const blocked = taps > 0 ? 8 * Math.ceil(outputs / 8) : outputs;
  const products = (taps * blocked + depthwiseTaps) * inputs * writtenPixels;
  return 0.002 + products / 2e7 + (inputs * readPixels + outputs * writtenPixels) / 1e6;
};

const tableOf = (units: readonly LatencyUnit[], msOf = machineMs): LatencyTable => ({
  ...EMPTY_TABLE,
  units: Object.fromEntries(
    units.map((unit) => [unitKey(unit), { kind: unit.kind, shape: unit.shape, ms: msOf(unit) }]),
  ),
});

const total = (units: readonly LatencyUnit[]) => units.reduce((sum, unit) => sum + machineMs(unit), 0);

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
      const { inputs, outputs, writtenPixels } = unit.shape;
      expect(shapes[0].channels).toBe(inputs);
      expect(writtenPixels).toBe(unit.outputSize.reduce((product, side) => product * side, 1));
      if (!unit.kind.includes('concat')) expect(shapes.at(-1)?.channels, unit.kind).toBe(outputs);
    }
    // What was measured is taken as it was.
    expect(predictLatency(tableOf(units), graph, size, target)).toBeCloseTo(total(units), 9);
  });
});

describe('a prediction', () => {
  const [{ architecture }] = registryCases.filter(({ name }) => name === 'unet');
  const graphOf = (filters: number) => buildArchitecture(architecture, { inputs: 3, classes: 4, filters });
  const unitsOf = (filters: number) => latencyUnits(graphOf(filters), [64, 64], 'engine');
  const learned = [4, 8, 28].flatMap(unitsOf);
  const error = (table: LatencyTable, filters: number) =>
    Math.abs(predictLatency(table, graphOf(filters), [64, 64], 'engine') / total(unitsOf(filters)) - 1);

  it('finds what a machine takes from three widths, also where one operator in thirty took twenty times as long', () => {
    for (const filters of [12, 16, 20]) expect(error(tableOf(learned), filters), `${filters}`).toBeLessThan(0.06);
    const hit = new Set(learned.filter((_, i) => i % 31 === 7).map(unitKey));
    const outliers = tableOf(learned, (unit) => machineMs(unit) * (hit.has(unitKey(unit)) ? 20 : 1));
    expect(hit.size).toBeGreaterThan(3);
    for (const filters of [12, 16, 20]) expect(error(outliers, filters), `${filters}`).toBeLessThan(0.2);
  });

  it('takes the cost of a call off every operator, and adds it once', () => {
    const callMs = 0.5;
    const table = { ...tableOf(learned, (unit) => callMs + machineMs(unit)), callMs };
    const expected = callMs + predictLatency(tableOf(learned), graphOf(8), [64, 64], 'engine');
    // A tenth of what a unit took is kept where a call takes more than the rest.
    expect(predictLatency(table, graphOf(8), [64, 64], 'engine')).toBeGreaterThanOrEqual(expected - 1e-9);
    const slow = { ...tableOf(learned, (unit) => callMs + 100 * machineMs(unit)), callMs };
    expect(predictLatency(slow, graphOf(8), [64, 64], 'engine') / (100 * expected)).toBeLessThan(1.05);
  });

  it('learns from whole networks how much longer they take than their operators alone, images and volumes apart', () => {
    const table = tableOf(learned);
    const sumMs = total(unitsOf(8));
    const networks = {
      // One was measured while the machine did something else.
      ...Object.fromEntries([1.2, 1.2, 1.2, 3].map((times, i) => [`${i}`, { rank: 2, sumMs, ms: times * sumMs }])),
      volume: { rank: 3, sumMs: 1, ms: 1.5 },
    } as LatencyTable['networks'];
    const { factors } = latencyModel({ ...table, networks });
    expect(factors).toEqual({ 2: expect.closeTo(1.2, 9), 3: 1.5 });
    const alone = predictLatency(table, graphOf(16), [64, 64], 'engine');
    expect(predictLatency({ ...table, networks }, graphOf(16), [64, 64], 'engine')).toBeCloseTo(1.2 * alone, 9);
  });

  it('takes a kind that was never measured for a similar one, where that is asked for', () => {
    const table = tableOf(learned);
    const without = {
      ...table,
      units: Object.fromEntries(Object.entries(table.units).filter(([, { kind }]) => kind !== '2D norm.batch+relu')),
    };
    const plain = { ...table.units };
    for (const [key, row] of Object.entries(plain))
      if (row.kind === '2D norm.batch+relu') plain[key.replace('+relu', '')] = { ...row, kind: '2D norm.batch' };
    const similar = {
      ...without,
      units: Object.fromEntries(Object.entries(plain).filter(([, { kind }]) => kind !== '2D norm.batch+relu')),
    };
    const ms = latencyModel(similar, 'similar').networkMs(graphOf(16), [64, 64], 'engine');
    expect(ms / total(unitsOf(16))).toBeCloseTo(1, 1);
    expect(() => latencyModel(similar).networkMs(graphOf(16), [64, 64], 'engine')).toThrow(/has no operator/);
    expect(() => latencyModel(without, 'similar').networkMs(graphOf(16), [64, 64], 'engine')).toThrow(
      /has no operator/,
    );
  });

  it('refuses a kind that was never measured', () => {
    const { units } = tableOf(unitsOf(8));
    const without = Object.fromEntries(Object.entries(units).filter(([, { kind }]) => !kind.includes('s2')));
    expect(() => predictLatency({ ...EMPTY_TABLE, units: without }, graphOf(8), [64, 64], 'engine')).toThrow(
      /the latency table has no operator "2D convolution\.k3\.s2\.d1"; add the architecture: espalier measure/,
    );
  });
});

it('least squares finds numbers of at least 0, and none that is nearer lies beside them', () => {
  const number = fc.double({ min: 0, max: 1, noNaN: true });
  const problem = fc.record({
    rows: fc.array(fc.tuple(number, number, number), { minLength: 3, maxLength: 12 }),
    targets: fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 12, maxLength: 12 }),
  });
  fc.assert(
    fc.property(problem, ({ rows, targets }) => {
      const found = leastSquares(rows, targets);
      const misfit = (values: readonly number[]) =>
        rows.reduce((sum, row, i) => sum + (row.reduce((s, x, j) => s + x * values[j], 0) - targets[i]) ** 2, 0);
      for (const [j, value] of found.entries()) {
        expect(value).toBeGreaterThanOrEqual(0);
        for (const change of [-0.01, 0.01]) {
          const beside = found.map((own, i) => (i === j ? Math.max(0, own + change) : own));
          expect(misfit(found)).toBeLessThanOrEqual(misfit(beside) + 1e-4);
        }
      }
    }),
  );
});
