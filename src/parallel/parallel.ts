/**
 * @file The processes that train one network together, each with its part of every batch: what the loops ask of them. For a single process every
 * question has its plain answer, and nothing is communicated.
 */
import { deserialize, serialize } from 'node:v8';
import { StoppedError } from '../base/errors.ts';
import type { Part } from '../data/loader/plan.ts';
import { type GradientsOf, noGrad } from '../engine/autograd.ts';
import { operator } from '../engine/call.ts';
import { type Collective, type Group, gatherBytes, joinGroup, placeInGroup } from '../engine/group.ts';
import * as op from '../engine/operators.ts';
import { fromArray, scope, type Tensor } from '../engine/tensor.ts';
import type { Origin, ParameterSet, SumOverRanks } from '../nn/parameters.ts';

/** Where this process stands, and what it does with the others. All ranks ask the same in the same order. */
export interface Parallel {
  readonly rank: number;
  readonly size: number;
  /** Rank and number among the processes of this machine. */
  readonly localRank: number;
  readonly localSize: number;
  /** The sum of a number over all ranks. */
  total(value: number): number;
  largest(value: number): number;
  /** Makes tensors their means over all ranks, in place. */
  average(tensors: readonly Tensor[]): void;
  /**
   * Of several processes: takes the gradients of a loss as means over all ranks, all-reduced while the backward pass still runs. `before` is added to this
   * rank's own, and may be changed.
   */
  readonly meanGradients?: (before: readonly (Tensor | null)[]) => GradientsOf;
  /** Makes tensors those of rank 0, in place. */
  copyFromFirst(tensors: readonly Tensor[]): void;
  /** A value of each rank, in the order of ranks; anything that can be cloned. */
  gather<T>(value: T): Promise<T[]>;
  /** For norms over all parts of a batch. */
  readonly sumOverRanks?: SumOverRanks;
  /** Computes without the other processes: norms take the statistics of this process's input. */
  apart<T>(work: () => T): T;
  /** What it cost so far. */
  cost(): CollectiveCost;
}

/** What the collectives of a process cost. */
export interface CollectiveCost {
  /** In which it did nothing else, waiting for the others included. */
  readonly seconds: number;
  readonly bytes: number;
  /** Seconds in which gradients were being all-reduced, and those of them in which it still computed. */
  readonly underWay: number;
  readonly hidden: number;
}

/** A run of one process. */
export const singleProcess: Parallel = {
  rank: 0,
  size: 1,
  localRank: 0,
  localSize: 1,
  total: (value) => value,
  largest: (value) => value,
  average: () => undefined,
  copyFromFirst: () => undefined,
  gather: async (value) => [value],
  apart: (work) => work(),
  cost: () => ({ seconds: 0, bytes: 0, underWay: 0, hidden: 0 }),
};

/** The part of each batch that a process computes. */
export const partOf = ({ rank, size }: Parallel): Part => ({ index: rank, count: size });

/** This rank's share of a list, round robin. */
export const shareOf = <T>(items: readonly T[], { rank, size }: Pick<Parallel, 'rank' | 'size'>): T[] =>
  items.filter((_, i) => i % size === rank);

/** What the ranks made of their shares, in the order of the list. */
export const inOrder = <T>(shares: readonly (readonly T[])[]): T[] =>
  Array.from({ length: shares.reduce((sum, { length }) => sum + length, 0) }, (_, i) => {
    return shares[i % shares.length][Math.floor(i / shares.length)];
  });

/** What networks are made with so that their norms are those of all processes, where that is asked for. */
export const sharedNorms = (
  { syncNorms }: { syncNorms: boolean },
  { sumOverRanks }: Parallel,
): Pick<Origin, 'sumOverRanks'> => (syncNorms && sumOverRanks ? { sumOverRanks } : {});

/** The tensors of a network that no gradient moves, such as running statistics: without synchronised norms each rank has its own. */
export function buffersOf(parameters: ParameterSet): Tensor[] {
  const trained = new Set(parameters.parameters().map(({ tensor }) => tensor));
  return [...parameters.entries().values()].filter((tensor) => !trained.has(tensor));
}

/**
 * Runs `work` as one of the processes that the environment describes (`RANK` of `WORLD_SIZE`, see `placeInGroup`), or alone. Where it throws, the others
 * end too. `ESPALIER_PATIENCE` and `ESPALIER_SILENCE` are the seconds of `GroupPatience`.
 * @throws GroupError when ranks are missing.
 */
export async function inGroup<T>(
  environment: Readonly<Record<string, string | undefined>>,
  work: (parallel: Parallel) => Promise<T>,
): Promise<T> {
  const place = placeInGroup(environment);
  if (!place) return work(singleProcess);
  const { ESPALIER_PATIENCE: patience, ESPALIER_SILENCE: silence } = environment;
  const group = joinGroup(place, {
    ...(patience ? { patienceSeconds: Number(patience) } : {}),
    ...(silence ? { silenceSeconds: Number(silence) } : {}),
  });
  try {
    const result = await work(createParallel(group));
    group.leave();
    return result;
  } catch (error) {
    // All ranks stop together: no other needs the message.
    group.leave(error instanceof StoppedError ? '' : (error as Error).message);
    throw error;
  }
}

/** Bytes of a bucket: large enough to fill a connection, small enough that the next is packed meanwhile. */
const BUCKET_BYTES = 8 << 20;

/** Bytes of a bucket of gradients: even in a small network some are all-reduced while others are computed. */
const gradientBucketBytes = (tensors: readonly Tensor[]): number =>
  Math.min(BUCKET_BYTES, Math.max(64 << 10, tensors.reduce((sum, { bytes }) => sum + bytes, 0) / 8));

/** What the loops ask, answered by a group. */
export function createParallel(group: Group): Parallel {
  const { rank, size, localRank, localSize } = group.place;
  let [seconds, bytes] = [0, 0];
  let together = true;
  const timed = <T>(work: () => T): T => {
    const started = performance.now();
    try {
      return work();
    } finally {
      seconds += (performance.now() - started) / 1000;
    }
  };
  const begin = (kind: 'sum' | 'maximum' | 'broadcast', tensor: Tensor): Collective => {
    bytes += tensor.bytes;
    return group[kind](tensor);
  };
  const number = (kind: 'sum' | 'maximum', value: number): number =>
    timed(() =>
      scope(() => {
        const tensor = fromArray(Float64Array.of(value), [1]);
        begin(kind, tensor).wait();
        return tensor.item();
      }),
    );
  /** Packs tensors into buckets, starts the collective of each, and unpacks what `change` makes of them. */
  const collective = (kind: 'sum' | 'broadcast', tensors: readonly Tensor[], change: (flat: Tensor) => Tensor): void =>
    timed(() =>
      noGrad(() =>
        scope(() => {
          const begun = bucketsOf(tensors).map((bucket) => {
            const flat = op.toDevice(operator('aten::flatten_dense_tensors').one(bucket), 'cpu');
            return { bucket, flat, pending: begin(kind, flat) };
          });
          for (const { bucket, flat, pending } of begun) {
            pending.wait();
            const parts = operator('aten::unflatten_dense_tensors').many(change(flat), bucket) as Tensor[];
            parts.forEach((part, i) => void op.copyInto(bucket[i], part));
          }
        }),
      ),
    );
  return {
    rank,
    size,
    localRank,
    localSize,
    total: (value) => number('sum', value),
    largest: (value) => number('maximum', value),
    average: (tensors) => collective('sum', tensors, (flat) => op.scale(flat, 1 / size)),
    meanGradients: (before) => (loss, tensors) => {
      // Autograd reaches first the tensors that were used last.
      const backwards = [...tensors].reverse();
      const packs = bucketsOf(backwards, gradientBucketBytes(tensors)).map(({ length }) => length);
      const means = group.meanGradients(loss, backwards, [...before].reverse(), packs).reverse();
      for (const mean of means) bytes += mean?.bytes ?? 0;
      return means;
    },
    copyFromFirst: (tensors) => collective('broadcast', tensors, (flat) => flat),
    gather: async <T>(value: T) => (await gatherBytes(group, serialize(value))).map((part) => deserialize(part) as T),
    sumOverRanks: (x) => {
      if (!together) return x;
      bytes += x.bytes;
      return timed(() => group.summed(x));
    },
    apart(work) {
      together = false;
      try {
        return work();
      } finally {
        together = true;
      }
    },
    cost() {
      const { spent, underWay, hidden } = group.gradientCost();
      return { seconds: seconds + spent, bytes, underWay, hidden };
    },
  };
}

/** Tensors in their order, in packs of one dtype and about `BUCKET_BYTES`. */
export function bucketsOf<T extends Pick<Tensor, 'bytes' | 'dtype'>>(
  tensors: readonly T[],
  most: number = BUCKET_BYTES,
): T[][] {
  const buckets: T[][] = [];
  let left = 0;
  for (const tensor of tensors) {
    const last = buckets[buckets.length - 1];
    left -= tensor.bytes;
    if (last && left >= 0 && last[0].dtype === tensor.dtype) last.push(tensor);
    else {
      buckets.push([tensor]);
      left = most - tensor.bytes;
    }
  }
  return buckets;
}
