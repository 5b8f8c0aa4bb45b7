/**
 * @file The latency of a network, predicted from measured units. A unit that was measured takes what it took; another one what its kind's fit says, times
 * how far the units nearest to it in channels and size are from that fit. A factor, one for images and one for volumes, brings the sums to what whole
 * networks took: their weights and features do not stay in the caches.
 */
import { ConfigError } from '../../base/errors.ts';
import type { Rank } from '../../nn/layers.ts';
import type { NetworkGraph } from '../graph.ts';
import { fitKinds, fittedMs, type KindFit, type MeasuredUnit } from './fit.ts';
import { type LatencyTarget, type LatencyUnit, latencyUnits, type UnitShape, unitKey } from './units.ts';

/** A whole network that was measured, beside the sum of its units. */
export interface MeasuredNetworkSum {
  readonly rank: Rank;
  readonly sumMs: number;
  readonly ms: number;
}

/** What was measured on a machine. */
export interface LatencyTable {
  /** By {@link unitKey}. */
  readonly units: Readonly<Record<string, MeasuredUnit>>;
  /** By any name. */
  readonly networks: Readonly<Record<string, MeasuredNetworkSum>>;
  /** Milliseconds of a call that computes nothing: a unit alone pays it, and a network once. */
  readonly callMs: number;
}

/** A table of nothing. */
export const EMPTY_TABLE: LatencyTable = { units: {}, networks: {}, callMs: 0 };

/** What a table predicts. */
export interface LatencyModel {
  /** What the sum of the units of images, and of volumes, is multiplied by. */
  readonly factors: Readonly<Record<Rank, number>>;
  /** Milliseconds of a unit where it is part of a network, without `factors`. @throws ConfigError for a kind that the table lacks */
  unitMs(unit: LatencyUnit): number;
  /** What a unit adds to the milliseconds of its network. @throws ConfigError as `unitMs` */
  addedMs(unit: LatencyUnit): number;
  /** Milliseconds of a network. @throws ConfigError as `unitMs` */
  networkMs(graph: NetworkGraph, size: readonly number[], target: LatencyTarget): number;
}

/** Units that are asked how far they are from the fit of their kind. */
const NEIGHBOURS = 6;
/** Squared distance, in logarithms of channels, at which a neighbour counts as 1/e; pixels count less than channels. */
const REACH = 0.3;
const PIXELS = 0.3;
/** How much the fit counts among its neighbours, of which one at no distance has 1. */
const FIT_COUNTS = 0.6;
/** The least share of a measured time that is left when a call's is taken off. */
const LEAST_SHARE = 0.1;

const models = {
  strict: new WeakMap<LatencyTable, LatencyModel>(),
  similar: new WeakMap<LatencyTable, LatencyModel>(),
};

/**
 * The predictions of a table; made once.
 * @param unknown what a kind that the table lacks is: an error, or taken for a similar one where there is one, which differs in stride, dilation or in the
 * norm and ReLU behind it. A search meets kinds that no table has foreseen.
 */
export function latencyModel(table: LatencyTable, unknown: keyof typeof models = 'strict'): LatencyModel {
  const known = models[unknown].get(table);
  if (known) return known;
  const model = createModel(table, unknown === 'similar');
  models[unknown].set(table, model);
  return model;
}

function createModel({ units, networks, callMs }: LatencyTable, takesSimilar: boolean): LatencyModel {
  const inNetwork = ({ ms }: MeasuredUnit) => Math.max(LEAST_SHARE * ms, ms - callMs);
  const rows = Object.values(units).map((row) => ({ ...row, ms: inNetwork(row) }));
  const fits = fitKinds(rows);
  const byKind = new Map<string, { shape: UnitShape; misfit: number }[]>();
  for (const { kind, shape, ms } of rows) {
    const misfit = Math.log(ms / fittedMs(fits.get(kind) as KindFit, shape));
    byKind.set(kind, [...(byKind.get(kind) ?? []), { shape, misfit }]);
  }
  const factors = { 2: factorOf(networks, 2), 3: factorOf(networks, 3) };
  const unitMs = (unit: LatencyUnit): number => {
    const key = unitKey(unit);
    if (Object.hasOwn(units, key)) return inNetwork(units[key]);
    const fit = fits.get(unit.kind) ?? (takesSimilar ? similarFit(fits, unit.kind) : undefined);
    if (!fit)
      throw new ConfigError(
        `the latency table has no operator "${unit.kind}"`,
        'add the architecture: espalier measure target=<target> archs=<name>',
      );
    return fittedMs(fit, unit.shape) * Math.exp(misfitNear(byKind.get(unit.kind) ?? [], unit.shape));
  };
  const addedMs = (unit: LatencyUnit): number => factors[unit.graph.rank] * unitMs(unit);
  return {
    factors,
    unitMs,
    addedMs,
    networkMs: (graph, size, target) =>
      latencyUnits(graph, size, target).reduce((sum, unit) => sum + addedMs(unit), callMs),
  };
}

/** Predicted milliseconds of one inference. @throws ConfigError when the table has no unit of a kind that the network has. */
export const predictLatency = (
  table: LatencyTable,
  graph: NetworkGraph,
  size: readonly number[],
  target: LatencyTarget,
): number => latencyModel(table).networkMs(graph, size, target);

/** The fit of the kind that has the most in common with one that was never measured; undefined where none computes the same. */
function similarFit(fits: ReadonlyMap<string, KindFit>, kind: string): KindFit | undefined {
  const wanted = coreOf(kind);
  const common = (other: string): number => [...other].findIndex((letter, i) => letter !== kind[i]);
  const similar = [...fits.keys()].filter((other) => coreOf(other) === wanted);
  const [nearest] = similar.sort((a, b) => common(b) - common(a));
  return nearest === undefined ? undefined : fits.get(nearest);
}

/** A kind without stride, dilation, the number of its parts and what follows its first operator. */
const coreOf = (kind: string): string =>
  kind
    .split('+')[0]
    .replace(/\.s[\d,]+|\.d\d+/g, '')
    .replace(/(add|concat)\.\d+/, '$1');

/** The weighted median of the misfits of the nearest units, the fit itself among them. */
function misfitNear(rows: readonly { shape: UnitShape; misfit: number }[], shape: UnitShape): number {
  const squared = (a: number, b: number) => Math.log(a / b) ** 2;
  const distance = (other: UnitShape) =>
    squared(other.inputs, shape.inputs) +
    squared(other.outputs, shape.outputs) +
    PIXELS * squared(other.writtenPixels, shape.writtenPixels);
  const near = rows
    .map((row) => ({ misfit: row.misfit, distance: distance(row.shape) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, NEIGHBOURS)
    .map((row) => ({ misfit: row.misfit, weight: Math.exp(-row.distance / REACH) }));
  near.push({ misfit: 0, weight: FIT_COUNTS });
  near.sort((a, b) => a.misfit - b.misfit);
  let left = near.reduce((sum, { weight }) => sum + weight, 0) / 2;
  for (const { misfit, weight } of near) {
    left -= weight;
    if (left <= 0) return misfit;
  }
  return 0;
}

/** What brings the sums of measured networks to what these took. */
function factorOf(networks: LatencyTable['networks'], rank: Rank): number {
  const measured = Object.values(networks).filter((network) => network.rank === rank);
  return measured.length === 0 ? 1 : median(measured.map(({ ms, sumMs }) => ms / sumMs));
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];
