import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { extendTable, measureLatency } from '../../../src/jobs/cost/latency/measure.ts';
import {
  budgetPredictor,
  knownLatency,
  latencyPredictor,
  loadTable,
  processorName,
  saveTable,
  tablePath,
  tableToExtend,
} from '../../../src/jobs/cost/latency/table.ts';
import { prepareMachine } from '../../../src/jobs/machine.ts';
import { type Architecture, buildArchitecture } from '../../../src/models/architecture.ts';
import { countNetwork, type NetworkGraph } from '../../../src/models/graph.ts';
import { EMPTY_TABLE } from '../../../src/models/latency/predict.ts';
import { LATENCY_TARGETS, latencyUnits, unitKey } from '../../../src/models/latency/units.ts';
import { findArchitecture } from '../../../src/models/registry.ts';
import { fitWidth } from '../../../src/models/width.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';

beforeEach(() => void vi.stubEnv('XDG_CACHE_HOME', temporaryFolder()));
afterEach(() => void vi.unstubAllEnvs());

const architecture = findArchitecture('unet:levels=3') as Architecture;
const options = { inputs: 3, classes: 4 };
const size = [32, 40];
const graphOf = (multiplyAdds: number) =>
  buildArchitecture(architecture, fitWidth(architecture, options, { multiplyAdds }, size).options);

describe.each(LATENCY_TARGETS)('latency on %s', (target) => {
  it('is measured of every operator and of the network, kept, and predicts what a budget needs', async () => {
    prepareMachine({ threads: 1, device: 'cpu' });
    const networks = [graphOf(1e7), graphOf(4e7)].map((graph) => ({ graph, size }));
    const seen: number[] = [];
    const empty = tableToExtend(target, 1);
    expect(empty.units).toEqual({});
    const table = await extendTable(empty, networks, target, 1, (done, total) => void seen.push(done / total));
    expect(seen.at(-1)).toBe(1);
    const keys = networks.flatMap(({ graph }) => latencyUnits(graph, size, target).map(unitKey));
    expect(Object.keys(table.units).sort()).toEqual([...new Set(keys)].sort());
    for (const { ms } of Object.values(table.units)) expect(ms).toBeGreaterThan(0);

    saveTable(target, 1, table);
    expect(loadTable(target, 1)).toMatchObject({ target, threads: 1, ...table });
    expect(loadTable(target, 2)).toBeUndefined();
    // What is known is not measured again.
    let steps = 0;
    const again = await extendTable(tableToExtend(target, 1), networks, target, 1, () => void steps++);
    // Both networks as a whole, twice.
    expect(steps).toBe(4);
    expect(again.units).toEqual(table.units);
    expect(Object.keys(again.networks)).toEqual(Object.keys(table.networks));

    const predict = latencyPredictor(target, 1)!;
    const [narrow, wide] = networks.map(({ graph }) => predict(graph, size, 1));
    expect(narrow).toBeGreaterThan(0);
    expect(predict(networks[0].graph, size, 3)).toBeCloseTo(3 * narrow, 9);
    expect(wide).toBeGreaterThan(0);
    expect(knownLatency(networks[0].graph, size, { target, threads: 1 })).toEqual({
      ms: narrow,
      on: `${target}, 1 thread, ${processorName()}`,
    });
    expect(knownLatency(networks[0].graph, size, { target, threads: 2 })).toBeUndefined();
    expect(budgetPredictor({ latencyMs: wide }, { target, threads: 1 })).toBeTypeOf('function');
    expect(await measureLatency(networks[0].graph, size, target, 1)).toBeGreaterThan(0);
  });
});

it('a budget of latency is kept by what is predicted', () => {
  // Stands in for a table: what is measured jumps on a busy machine, and a width need not be found within a tenth.
  const predicted = (graph: NetworkGraph, at: readonly number[], batch: number) =>
    (batch * countNetwork(graph, at).multiplyAdds) / 1e7;
  const fitted = fitWidth(architecture, options, { latencyMs: 4 }, size, 1, predicted);
  expect(fitted.cost.latencyMs).toBeLessThanOrEqual(4);
  expect(fitted.cost.latencyMs).toBeGreaterThan(3.6);
  expect(fitted.tightest).toBe('latencyMs');
});

it('a table counts for the machine and the versions that it was measured with, and no others', () => {
  expect(budgetPredictor({ multiplyAdds: 1 }, { target: 'engine', threads: 1 })).toBeUndefined();
  const needs = () => budgetPredictor({ latencyMs: 1 }, { target: 'engine', threads: 3 });
  expect(needs).toThrow(
    /no latency table of this machine for target=engine on 3 threads; make one: espalier measure target=engine threads=3/,
  );
  const path = saveTable('engine', 3, EMPTY_TABLE);
  expect(path).toBe(tablePath('engine', 3));
  expect(needs()).toBeTypeOf('function');
  const table = JSON.parse(readFileSync(path, 'utf8'));
  expect(JSON.parse(readFileSync(saveTable('onnxruntime', 3, EMPTY_TABLE), 'utf8')).versions.onnxruntime).toMatch(
    /^1\./,
  );
  for (const other of [{ processor: 'Zilog Z80' }, { versions: { ...table.versions, libtorch: '0.1' } }]) {
    writeFileSync(path, JSON.stringify({ ...table, ...other }));
    expect(needs).toThrow(
      /measured with (processor Zilog Z80|libtorch 0\.1), this is .*; measure again: espalier measure/,
    );
    expect(tableToExtend('engine', 3)).toEqual(EMPTY_TABLE);
  }
  for (const damaged of [
    '',
    '{',
    '{}',
    '[]',
    JSON.stringify({ ...table, callMs: -1 }),
    JSON.stringify({ ...table, version: 1 }),
    JSON.stringify({ ...table, units: 1 }),
  ]) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, damaged);
    expect(needs, damaged).toThrow(/expected a latency table, got something else; remove it/);
  }
});
