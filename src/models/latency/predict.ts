/**
 * @file The latency of a network, predicted from measured units. A unit that was measured takes what it took; another one what its kind's fit says, times
 * how far the units nearest to it in channels and size are from that fit. Two factors bring the sums, of convolutions and of all else, to what whole
 * networks took: convolutions pass blocks of channels to each other that a unit alone converts, and sums are computed where their terms are.
 */
import { ConfigError } from '../../base/errors.ts';
import type { NetworkGraph } from '../graph.ts';
import { fitKinds, fittedMs, type KindFit, leastSquares, type MeasuredUnit } from './fit.ts';
import { type LatencyTarget, type LatencyUnit, latencyUnits, type UnitShape, unitKey } from './units.ts';

/** A whole network that was measured, beside the sums of its units. */
export interface MeasuredNetworkSum extends UnitSums {
  readonly ms: number;
}

/** Predicted milliseconds of the units of a network. */
export interface UnitSums {
  readonly convolutions: number;
  readonly others: number;
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
  /** What a sum of units is multiplied by. */
  readonly factors: UnitSums;
  /** Milliseconds of a unit where it is part of a network, without `factors`. @throws ConfigError for a kind that the table lacks */
  unitMs(unit: LatencyUnit): number;
  /** What a unit adds to the milliseconds of its network. @throws ConfigError as `unitMs` */
  addedMs(unit: LatencyUnit): number;
  /** The sums of the units of a network. @throws ConfigError as `unitMs` */
  sums(units: readonly LatencyUnit[]): UnitSums;
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
/** How far the two factors are held to one, as a share of a network's time; and the relative error from which a network counts less. */
const HELD = 0.15;
const TOLERATED = 0.1;
/** How far a factor may be above the common one. */
const MOST_APART = 2;
/** The least share of a measured time that is left when a call's is taken off. */
const LEAST_SHARE = 0.1;

const isConvolution = ({ taps, depthwiseTaps }: UnitShape): boolean => taps + depthwiseTaps > 0;

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
  const factors = fitFactors(Object.values(networks));
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
  const sums = (parts: readonly LatencyUnit[]): UnitSums => {
    const sum = { convolutions: 0, others: 0 };
    for (const unit of parts) sum[isConvolution(unit.shape) ? 'convolutions' : 'others'] += unitMs(unit);
    return sum;
  };
  return {
    factors,
    unitMs,
    addedMs: (unit) => factors[isConvolution(unit.shape) ? 'convolutions' : 'others'] * unitMs(unit),
    sums,
    networkMs(graph, size, target) {
      const { convolutions, others } = sums(latencyUnits(graph, size, target));
      return callMs + factors.convolutions * convolutions + factors.others * others;
    },
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

/** The factors that bring the sums of measured networks to what these took, held to their common one. */
function fitFactors(networks: readonly MeasuredNetworkSum[]): UnitSums {
  if (networks.length === 0) return { convolutions: 1, others: 1 };
  const common = median(networks.map(({ ms, convolutions, others }) => ms / (convolutions + others)));
  const shares = networks.map(({ ms, convolutions, others }) => [convolutions / ms, others / ms]);
  const held = [0, 1].map((i) => {
    const row = [0, 0];
    row[i] = HELD * Math.sqrt(networks.length) * (0.02 + median(shares.map((pair) => pair[i])));
    return row;
  });
  let weights = networks.map(() => 1);
  let factors = [common, common];
  for (let round = 0; round < 6; round++) {
    const rows = [...shares.map((pair, i) => pair.map((share) => share * weights[i])), ...held];
    factors = leastSquares(rows, [...weights, ...held.map(([a, b]) => common * (a + b))]);
    weights = shares.map(([a, b]) => {
      const error = Math.abs(a * factors[0] + b * factors[1] - 1);
      return error < TOLERATED ? 1 : Math.sqrt(TOLERATED / error);
    });
  }
  // Beyond that the times of a busy machine were fitted, not its operators.
  const isPlausible = factors.every((factor) => factor <= MOST_APART * common);
  return isPlausible ? { convolutions: factors[0], others: factors[1] } : { convolutions: common, others: common };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];
