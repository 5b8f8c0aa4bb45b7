/**
 * @file The mixed operators of all edges that read one state, computed together. Exactly `mixedOp` edge by edge, in a quarter of its calls:
 * ReLU and pools are shared, the convolutions of all readers are one grouped convolution, a norm's scale is the operator's probability,
 * and pools and skip are mixed by one 1x1. Channels are ordered reader by reader: reader r has `[r C, (r + 1) C)`.
 */
import * as op from '../engine/operators.ts';
import { fromArray, keepForever, type Tensor } from '../engine/tensor.ts';
import { constant, fanInUniform } from '../nn/initialisers.ts';
import { type Rank, samePadding } from '../nn/layers.ts';
import type { ParameterSet } from '../nn/parameters.ts';
import { OPERATOR_NAMES, OPERATORS, type OperatorKind, type OperatorName } from '../space/operators.ts';
import {
  type Affine,
  convolve,
  createSearchNorm,
  type EdgeAffines,
  type EdgeWeights,
  type SeparableWeights,
} from './mixedOp.ts';

/** All mixed operators on one state of a cell. */
export interface StateOperators {
  /**
   * What the state gives to each of its readers, `[batch, readers * channels, ...spatial]`.
   * @param probabilities `[readers, operators]`, the rows of the edges from this state
   */
  contributions(x: Tensor, probabilities: Tensor): Tensor;
  /** The weights of one reader's edge, as views: what `mixedOp` takes. */
  edgeWeights(reader: number): EdgeWeights;
  /** Scales and shifts of one reader's edge, as views. */
  edgeAffines(reader: number): EdgeAffines;
  /** All weights, operator by operator; of a pair the depthwise one first. */
  readonly weights: readonly Tensor[];
}

type Grouped = readonly SeparableWeights[] | Tensor;

/** Creates the weights of the edges from one state to `readers` blocks. */
export function createStateOperators(
  set: ParameterSet,
  options: {
    rank: Rank;
    channels: number;
    readers: number;
    atrous: 'dense' | 'separable';
    /** Norms after convolutions learn scale and shift. Default: false. */
    affine?: boolean;
  },
): StateOperators {
  const { rank, channels, readers, atrous, affine = false } = options;
  const ones = Array<number>(rank).fill(1);
  const wide = readers * channels;
  const initialise = fanInUniform(2);
  const order = 'outputsLast';
  const createPair = (own: ParameterSet, kernel: number): SeparableWeights => ({
    depthwise: own.weight('depthwise', [wide, 1, ...ones.map(() => kernel)], initialise, { order }),
    pointwise: own.weight('pointwise', [wide, channels, ...ones], initialise, { order }),
  });
  const weights = new Map<OperatorName, Grouped>();
  for (const name of OPERATOR_NAMES) {
    const { kind, kernel } = OPERATORS[name];
    const own = set.child(name);
    switch (kind) {
      case 'separable':
        weights.set(name, [createPair(own.child(0), kernel), createPair(own.child(1), kernel)]);
        break;
      case 'atrous':
        weights.set(
          name,
          atrous === 'separable'
            ? [createPair(own.child(0), kernel)]
            : own.weight('weight', [wide, channels, ...ones.map(() => kernel)], initialise, { order }),
        );
        break;
      case 'averagePool':
      case 'maxPool':
      case 'skip':
      case 'zero':
        break;
      default:
        throw new RangeError(`no weights for ${kind satisfies never}`);
    }
  }
  const affines = new Map<OperatorName, readonly Affine[]>();
  if (affine)
    for (const [name, own] of weights)
      affines.set(
        name,
        (Array.isArray(own) ? own : [own]).map((_, i) => createAffine(set.child(name).child(`norm${i}`), wide)),
      );
  const norm = createSearchNorm(set);
  const pool = createPools(set, rank, channels);
  return {
    weights: [...weights.values()].flatMap((own) =>
      Array.isArray(own) ? own.flatMap(({ depthwise, pointwise }) => [depthwise, pointwise]) : [own as Tensor],
    ),
    contributions(x, probabilities) {
      /** Norm of the search, then `scale`, both in one pass over the data. */
      const normalise = (value: Tensor, scale: Tensor | null, affine?: Affine): Tensor => {
        const both = (own: Tensor | undefined) => (own && scale ? op.multiply(own, scale) : (own ?? null));
        return norm(value, affine ? both(affine.scale) : scale, both(affine?.shift));
      };
      const scaleOf = (name: OperatorName) => perChannel(probabilities, OPERATOR_NAMES.indexOf(name), channels);
      const rectified = op.relu(x);
      const repeated = readers === 1 ? rectified : op.concat(Array<Tensor>(readers).fill(rectified), 1);
      const pair = (
        value: Tensor,
        { depthwise, pointwise }: SeparableWeights,
        kernel: number,
        dilation: number,
        scale: Tensor | null,
        affine?: Affine,
      ) => {
        const filtered = convolve(value, depthwise, kernel, dilation, wide);
        return normalise(convolve(filtered, pointwise, 1, 1, readers), scale, affine);
      };
      const outputs: Tensor[] = [];
      const shared = [...pool(x), ...(HAS_SKIP ? [x] : [])];
      if (shared.length > 0) outputs.push(mixShared(op.concat(shared, 1), probabilities, channels));
      for (const [name, own] of weights) {
        const { kernel } = OPERATORS[name];
        const dilation = OPERATORS[name].kind === 'atrous' ? 2 : 1;
        const [first, second] = affines.get(name) ?? [];
        let output: Tensor;
        if (!Array.isArray(own))
          output = normalise(convolve(rectified, own as Tensor, kernel, dilation, 1), scaleOf(name), first);
        else if (own.length === 1) output = pair(repeated, own[0], kernel, dilation, scaleOf(name), first);
        else
          output = pair(
            op.relu(pair(repeated, own[0], kernel, dilation, null, first)),
            own[1],
            kernel,
            dilation,
            scaleOf(name),
            second,
          );
        outputs.push(output);
      }
      return outputs.reduce(op.add);
    },
    edgeWeights(reader) {
      const rows = rowsOf(reader, channels);
      return Object.fromEntries(
        [...weights].map(([name, own]) => [
          name,
          Array.isArray(own)
            ? own.map(({ depthwise, pointwise }) => ({ depthwise: rows(depthwise), pointwise: rows(pointwise) }))
            : rows(own as Tensor),
        ]),
      );
    },
    edgeAffines(reader) {
      const rows = rowsOf(reader, channels);
      return Object.fromEntries(
        [...affines].map(([name, own]) => [
          name,
          own.map(({ scale, shift }) => ({ scale: rows(scale), shift: rows(shift) })),
        ]),
      );
    },
  };
}

/** What belongs to one reader, as a view. */
const rowsOf =
  (reader: number, channels: number) =>
  (weight: Tensor): Tensor =>
    op.slice(weight, 0, reader * channels, (reader + 1) * channels);

const createAffine = (set: ParameterSet, channels: number): Affine => ({
  scale: set.weight('scale', [channels], constant(1), { decay: false }),
  shift: set.weight('shift', [channels], constant(0), { decay: false }),
});

/** Column `operator` of `[readers, operators]`, each value repeated for the channels of its reader. */
function perChannel(probabilities: Tensor, operator: number, channels: number): Tensor {
  const column = op.select(probabilities, 1, operator);
  const readers = column.shape[0];
  return op.reshape(op.expand(op.reshape(column, [readers, 1]), [readers, channels]), [readers * channels]);
}

const ofKinds = (...kinds: OperatorKind[]): OperatorName[] =>
  OPERATOR_NAMES.filter((name) => kinds.includes(OPERATORS[name].kind));

/** Pools, then the skip: those that compute the same for every reader. */
const POOLS = ofKinds('averagePool', 'maxPool');
const SHARED = [...POOLS, ...ofKinds('skip')];
const HAS_SKIP = SHARED.length > POOLS.length;

/**
 * Pools and skip for every reader at once: a 1x1 whose kernel is the probabilities times the identity.
 * @param values what the operators of `SHARED` give, one after the other: `[batch, shared * channels, ...spatial]`
 */
function mixShared(values: Tensor, probabilities: Tensor, channels: number): Tensor {
  const readers = probabilities.shape[0];
  const columns = SHARED.map((name) => op.select(probabilities, 1, OPERATOR_NAMES.indexOf(name)));
  const table = op.reshape(op.stack(columns, 1), [readers, 1, SHARED.length, 1]);
  const identity = op.reshape(op.eye(channels, probabilities.dtype, values.device), [1, channels, 1, channels]);
  const kernel = op.reshape(op.multiply(table, identity), [
    readers * channels,
    SHARED.length * channels,
    ...values.shape.slice(2).map(() => 1),
  ]);
  return convolve(values, kernel, 1, 1, 1);
}

/** The pools, normalised, `[batch, pools * channels, ...spatial]` in one tensor; none where the space has none. */
function createPools(set: Pick<ParameterSet, 'origin'>, rank: Rank, channels: number): (x: Tensor) => Tensor[] {
  const normalise = createSearchNorm(set);
  const pools = POOLS.map((name) => {
    const { kind, kernel } = OPERATORS[name];
    if (kind === 'averagePool') return createAveragePool(set, rank, channels, kernel);
    return (x: Tensor) => op.maxPool(x, kernel, 1, samePadding(kernel, 1));
  });
  return (x) =>
    pools.length === 0
      ? []
      : [
          normalise(
            op.concat(
              pools.map((pool) => pool(x)),
              1,
            ),
          ),
        ];
}

/** Average pool of stride 1. libtorch pools few channels ten times slower than it filters them: the sum is a depthwise convolution with ones. */
function createAveragePool(
  set: Pick<ParameterSet, 'origin'>,
  rank: Rank,
  channels: number,
  kernel: number,
): (x: Tensor) => Tensor {
  const { device } = set.origin;
  const ones = keepForever(op.ones([channels, 1, ...Array<number>(rank).fill(kernel)], 'float32', device));
  const counts = new Map<string, Tensor>();
  return (x) => {
    const size = x.shape.slice(2);
    const key = `${size.join()} ${x.dtype}`;
    let share = counts.get(key);
    if (!share) {
      const exact = op.toDevice(fromArray(neighbourShares(size, kernel), [1, 1, ...size], 'float64'), device);
      share = keepForever(op.toDType(exact, x.dtype));
      counts.set(key, share);
    }
    return op.multiply(convolve(x, ones, kernel, 1, channels), share);
  };
}

/** One over the number of pixels in the `kernel`-wide neighbourhood of each pixel. */
function neighbourShares(size: readonly number[], kernel: number): number[] {
  const reach = (kernel - 1) / 2;
  const neighbours = (i: number, length: number) => Math.min(i, reach) + 1 + Math.min(length - 1 - i, reach);
  return size.reduce<number[]>(
    (outer, length) => outer.flatMap((share) => Array.from({ length }, (_, i) => share / neighbours(i, length))),
    [1],
  );
}
