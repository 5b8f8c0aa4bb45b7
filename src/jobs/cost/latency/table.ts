/**
 * @file The latency tables of this machine, one a target and number of threads, in the user's cache folder. A table says for which processor and
 * versions it was measured; under any others it does not count.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ConfigError, DataError, EspalierError } from '../../../base/errors.ts';
import { parseJson } from '../../../base/json.ts';
import { readTextFile } from '../../../base/textFile.ts';
import type { NetworkGraph } from '../../../models/graph.ts';
import type { GraphLatency } from '../../../models/graphFile.ts';
import { EMPTY_TABLE, type LatencyTable, predictLatency } from '../../../models/latency/predict.ts';
import { LATENCY_TARGETS, type LatencyTarget } from '../../../models/latency/units.ts';
import type { Budget, LatencyOf } from '../../../models/width.ts';
import { writeAtomically } from '../../../run/files.ts';
import { versions } from '../../machine.ts';

const milliseconds = z.number().min(0);

const schema = z.strictObject({
  format: z.literal('espalier-latency'),
  version: z.literal(3),
  target: z.enum(LATENCY_TARGETS),
  threads: z.int().min(1),
  processor: z.string(),
  /** Of espalier, and of what runs the network. */
  versions: z.record(z.string(), z.string()),
  callMs: milliseconds,
  units: z.record(
    z.string(),
    z.strictObject({
      kind: z.string(),
      shape: z.strictObject({
        inputs: z.int().min(1),
        outputs: z.int().min(1),
        readPixels: z.int().min(1),
        writtenPixels: z.int().min(1),
        taps: z.int().min(0),
        depthwiseTaps: z.int().min(0),
      }),
      ms: z.number().positive(),
    }),
  ),
  networks: z.record(
    z.string(),
    z.strictObject({ rank: z.literal([2, 3]), sumMs: z.number().positive(), ms: z.number().positive() }),
  ),
});

/** A table with the machine that it is of. */
export type MachineTable = z.output<typeof schema>;

/** The machine as tables name it. */
export const processorName = (): string => cpus()[0]?.model.trim() ?? 'unknown';

/** The versions that a table is for. @throws ConfigError where the target is not installed */
function targetVersions(target: LatencyTarget): Record<string, string> {
  return target === 'onnxruntime' ? { ...versions(), onnxruntime: runtimeVersion() } : versions();
}

function runtimeVersion(): string {
  try {
    const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
    return version;
  } catch {
    throw new ConfigError(
      'target=onnxruntime: onnxruntime-node is not installed',
      'npm install onnxruntime-node, or use target=engine',
    );
  }
}

/** Where the table of a target is: `XDG_CACHE_HOME`, or `~/.cache`. */
export function tablePath(target: LatencyTarget, threads: number): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'espalier', 'latency', `${target}-${threads}.json`);
}

/** The table of this machine; undefined where none was measured. @throws ConfigError for one of another machine or version. */
export function loadTable(target: LatencyTarget, threads: number): MachineTable | undefined {
  const path = tablePath(target, threads);
  if (!existsSync(path)) return undefined;
  const again = `measure again: espalier measure target=${target} threads=${threads}`;
  let table: MachineTable;
  try {
    table = schema.parse(parseJson(readTextFile(path)));
  } catch {
    throw new DataError(`${path}: expected a latency table, got something else`, `remove it and ${again}`);
  }
  const here = { processor: processorName(), ...targetVersions(target) };
  const there = { processor: table.processor, ...table.versions };
  for (const [key, value] of Object.entries(here))
    if (there[key as keyof typeof there] !== value)
      throw new ConfigError(
        `${path}: measured with ${key} ${there[key as keyof typeof there]}, this is ${value}`,
        again,
      );
  return table;
}

/** Writes the table of this machine. */
export function saveTable(target: LatencyTarget, threads: number, table: LatencyTable): string {
  const path = tablePath(target, threads);
  mkdirSync(dirname(path), { recursive: true });
  const content: MachineTable = {
    format: 'espalier-latency',
    version: 3,
    target,
    threads,
    processor: processorName(),
    versions: targetVersions(target),
    callMs: table.callMs,
    units: { ...table.units },
    networks: { ...table.networks },
  };
  writeAtomically(path, `${JSON.stringify(content)}\n`);
  return path;
}

/** What may be added to: the table of this machine, or an empty one where there is none or it is of another machine or version. */
export function tableToExtend(target: LatencyTarget, threads: number): LatencyTable {
  try {
    const known = loadTable(target, threads);
    if (known) return known;
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error;
  }
  return EMPTY_TABLE;
}

/**
 * The predictor that a budget needs; undefined where the budget has no latency.
 * @throws ConfigError where no table was measured
 */
export function budgetPredictor(
  { latencyMs }: Budget,
  { target, threads }: { target: LatencyTarget; threads: number },
): LatencyOf | undefined {
  if (latencyMs === undefined) return undefined;
  const table = requireTable({ target, threads });
  return (graph, size, batch) => batch * predictLatency(table, graph, size, target);
}

/** The table that a budget needs. @throws ConfigError where none was measured */
export function requireTable({ target, threads }: { target: LatencyTarget; threads: number }): MachineTable {
  const count = threadsOf(threads);
  const table = loadTable(target, count);
  if (table) return table;
  throw new ConfigError(
    `budget.latencyMs: no latency table of this machine for target=${target} on ${count} thread${count === 1 ? '' : 's'}`,
    `make one: espalier measure target=${target} threads=${count}`,
  );
}

/** What a network is predicted to take; undefined where this machine has no table, or one that does not know the network. */
export function knownLatency(
  graph: NetworkGraph,
  size: readonly number[],
  { target, threads }: { target: LatencyTarget; threads: number },
): GraphLatency | undefined {
  const count = threadsOf(threads);
  try {
    const ms = latencyPredictor(target, count)?.(graph, size, 1);
    return ms === undefined
      ? undefined
      : { ms, on: `${target}, ${count} thread${count === 1 ? '' : 's'}, ${processorName()}` };
  } catch (error) {
    if (error instanceof EspalierError) return undefined;
    throw error;
  }
}

/** The number of threads that a setting means. */
export const threadsOf = (threads: number): number => (threads > 0 ? threads : availableParallelism());

/** Predicts milliseconds of one inference on this machine; undefined where there is no table. */
export function latencyPredictor(target: LatencyTarget, threads: number): LatencyOf | undefined {
  const table = loadTable(target, threads);
  return table && ((graph, size, batch) => batch * predictLatency(table, graph, size, target));
}
