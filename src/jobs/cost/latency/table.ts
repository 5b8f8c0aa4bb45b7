/**
 * @file The latency tables of this machine, one a target and number of threads, in the user's cache folder. A table says for which processor and
 * versions it was measured; under any others it does not count.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { availableParallelism, cpus, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ConfigError, DataError, EspalierError } from '../../../base/errors.ts';
import { parseJson } from '../../../base/json.ts';
import { readTextFile } from '../../../base/textFile.ts';
import { LATENCY_TARGETS, type LatencyTable, type LatencyTarget, predictLatency } from '../../../models/latency.ts';
import type { Budget, LatencyOf } from '../../../models/width.ts';
import { writeAtomically } from '../../../run/files.ts';
import { versions } from '../../machine.ts';

const schema = z.strictObject({
  format: z.literal('espalier-latency'),
  version: z.literal(1),
  target: z.enum(LATENCY_TARGETS),
  threads: z.int().min(1),
  processor: z.string(),
  /** Of espalier, and of what runs the network. */
  versions: z.record(z.string(), z.string()),
  scale: z.number().positive(),
  units: z.record(z.string(), z.strictObject({ kind: z.string(), work: z.number().positive(), ms: z.number().min(0) })),
});

/** A table with the machine that it is of. */
export type MachineTable = z.output<typeof schema>;

/** The machine as tables name it. */
export const processorName = (): string => cpus()[0]?.model.trim() ?? 'unknown';

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
  const here = { processor: processorName(), ...versions() };
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
    version: 1,
    target,
    threads,
    processor: processorName(),
    versions: versions(),
    scale: table.scale,
    units: { ...table.units },
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
  return { units: {}, scale: 1 };
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
  const count = threadsOf(threads);
  const predictor = latencyPredictor(target, count);
  if (predictor) return predictor;
  throw new ConfigError(
    `budget.latencyMs: no latency table of this machine for target=${target} on ${count} thread${count === 1 ? '' : 's'}`,
    `make one: espalier measure target=${target} threads=${count}`,
  );
}

/** The number of threads that a setting means. */
export const threadsOf = (threads: number): number => (threads > 0 ? threads : availableParallelism());

/** Predicts milliseconds of one inference on this machine; undefined where there is no table. */
export function latencyPredictor(target: LatencyTarget, threads: number): LatencyOf | undefined {
  const table = loadTable(target, threads);
  return table && ((graph, size, batch) => batch * predictLatency(table, graph, size, target));
}
