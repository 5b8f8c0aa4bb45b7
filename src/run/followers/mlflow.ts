/**
 * @file Events of a run as requests of MLflow's tracking protocol (REST, version 2.0): metrics, parameters and tags in batches that any server
 * takes. Sends nothing.
 */
import type { Layer } from '../config/config.ts';
import type { RunEvent, RunStatus } from '../events.ts';
import { scalarsOf, stepScalarsOf } from './scalars.ts';

/**
 * What one request may hold, by the protocol; values of parameters are cut to what servers of every version take (250 characters before 1.28,
 * then 500, 6000 since 2.10).
 */
export const MLFLOW_LIMITS = {
  metrics: 1000,
  params: 100,
  tags: 100,
  entities: 1000,
  bytes: 1_000_000,
  key: 250,
  paramValue: 250,
  tagValue: 5000,
} as const;

/** A number of a run. */
export interface MlflowMetric {
  readonly key: string;
  readonly value: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly step: number;
}

/** A setting, which cannot be changed once it was sent, or a tag, which can. */
export interface MlflowText {
  readonly key: string;
  readonly value: string;
}

/** The body of `runs/log-batch`, without the run. */
export interface MlflowBatch {
  readonly metrics: readonly MlflowMetric[];
  readonly params: readonly MlflowText[];
  readonly tags: readonly MlflowText[];
}

/**
 * Everything that events say, in batches within the limits, in order.
 * @param stepsBefore steps in earlier events: single losses are numbered through the run.
 */
export function mlflowBatches(events: readonly RunEvent[], stepsBefore = 0): MlflowBatch[] {
  const metrics: MlflowMetric[] = [];
  const params = new Map<string, string>();
  const tags = new Map<string, string>();
  let steps = stepsBefore;
  for (const event of events) {
    const timestamp = Date.parse(event.time);
    const add = (step: number, values: Iterable<readonly [string, number]>) => {
      for (const [name, value] of values) metrics.push({ key: mlflowKey(name), value, timestamp, step });
    };
    const scalars = scalarsOf(event);
    if (scalars) add(scalars.step, scalars.values);
    if (event.type === 'step') add(++steps, stepScalarsOf(event));
    if (event.type === 'start') {
      // A resumed run may have other threads: the settings of its first start are the ones that cannot be changed.
      if (event.resumedEpoch === undefined) for (const [key, value] of flattened(event.config)) params.set(key, value);
      tags.set('espalier.command', event.command);
      for (const [name, version] of Object.entries(event.versions)) tags.set(`espalier.version.${name}`, version);
    }
    if (event.type === 'end') tags.set('espalier.result', event.message);
  }
  return packed(metrics, textsOf(params, MLFLOW_LIMITS.paramValue), textsOf(tags, MLFLOW_LIMITS.tagValue));
}

/** How MLflow calls the end of a run. */
export const MLFLOW_STATUS = {
  done: 'FINISHED',
  undecided: 'FINISHED',
  stopped: 'KILLED',
  diverged: 'FAILED',
  failed: 'FAILED',
} as const satisfies Record<RunStatus, string>;

/** A name as a key: letters, digits, `_ - . /` and spaces, no path that is another's; long ones are cut. */
export const mlflowKey = (name: string): string =>
  name
    .replace(/[^\w\-. /]/g, '_')
    .split('/')
    .map((part) => (/^\.*$/.test(part) ? '_'.repeat(Math.max(1, part.length)) : part))
    .join('/')
    .slice(0, MLFLOW_LIMITS.key)
    .replace(/\/$/, '_');

const shortened = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`;

const textsOf = (entries: ReadonlyMap<string, string>, length: number): MlflowText[] =>
  [...entries].map(([key, value]) => ({ key: mlflowKey(key), value: shortened(value, length) }));

/** Settings by dotted key; lists and other values as JSON. */
function flattened(settings: Layer, prefix = ''): [string, string][] {
  return Object.entries(settings).flatMap(([key, value]): [string, string][] =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? flattened(value as Layer, `${prefix}${key}.`)
      : [[`${prefix}${key}`, typeof value === 'string' ? value : JSON.stringify(value)]],
  );
}

function packed(
  metrics: readonly MlflowMetric[],
  params: readonly MlflowText[],
  tags: readonly MlflowText[],
): MlflowBatch[] {
  const full = (batch: Partial<MlflowBatch>): MlflowBatch => ({ metrics: [], params: [], tags: [], ...batch });
  return [
    ...chunksOf(params, MLFLOW_LIMITS.params).map((chunk) => full({ params: chunk })),
    ...chunksOf(tags, MLFLOW_LIMITS.tags).map((chunk) => full({ tags: chunk })),
    ...chunksOf(metrics, MLFLOW_LIMITS.metrics).map((chunk) => full({ metrics: chunk })),
  ];
}

/** Lists of at most `most` entries, each short enough for one request with its frame around it. */
function chunksOf<T>(list: readonly T[], most: number): T[][] {
  const chunks: T[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const entry of list) {
    const size = Buffer.byteLength(JSON.stringify(entry)) + 1;
    if (bytes + size > MLFLOW_LIMITS.bytes - FRAME_BYTES || (chunks.at(-1)?.length ?? 0) >= most) {
      chunks.push([]);
      bytes = 0;
    }
    chunks.at(-1)?.push(entry);
    bytes += size;
  }
  return chunks;
}

/** Room for the run and the names of the lists. */
const FRAME_BYTES = 1000;
