/**
 * @file Layers as functions: each registers its weights in a `ParameterSet` and returns what maps a tensor to a tensor. The rank (2 or 3) is an argument, never another class.
 */
import type { Random } from '../base/random.ts';
import * as op from '../engine/operators.ts';
import { scope, type Tensor } from '../engine/tensor.ts';
import { constant, fanInUniform, type Initialiser } from './initialisers.ts';
import type { ParameterSet } from './parameters.ts';
import { synchronisedNorm } from './synchronisedNorm.ts';

/** What training computes in; weights, losses and scores are float32 either way. */
export type Precision = 'float32' | 'bfloat16';

/** What a pass through a network needs to know beyond its input. */
export interface Pass {
  /** Norms use and update batch statistics, drop path is active. */
  readonly training: boolean;
  /** Share of training that is done, in [0, 1]; for scheduled drop path. */
  readonly progress?: number;
  /** Id of the generator for random masks. */
  readonly generator?: number;
  /** Random numbers for choices that are made in JavaScript. */
  readonly random?: Random;
  /** What large convolutions multiply in; what they read and give stays as it is. Default: float32. */
  readonly products?: Precision;
  /** Norms with running statistics use those in training too, and leave them as they are. */
  readonly frozenNorms?: boolean;
  /** Weight of this batch in the running statistics of norms; default: that of each norm. */
  readonly normMomentum?: number;
}

/** A layer: `[batch, channels, ...spatial]` to the same kind. */
export type Layer = (x: Tensor, pass: Pass) => Tensor;

/** Number of spatial axes. */
export type Rank = 2 | 3;

export interface ConvolutionOptions {
  rank: Rank;
  inputs: number;
  outputs: number;
  /** Kernel size; one number an axis where they differ. Odd. */
  kernel: number | readonly number[];
  /** One number an axis where they differ. */
  stride?: number | readonly number[];
  dilation?: number;
  groups?: number;
  bias?: boolean;
  initialise?: Initialiser;
}

/** The weight of a convolution, `[outputs, inputs / groups, ...kernel]`. */
export function convolutionWeight(parameters: ParameterSet, options: ConvolutionOptions): Tensor {
  const { inputs, outputs, groups = 1, initialise = fanInUniform(2) } = options;
  return parameters.weight('weight', [outputs, inputs / groups, ...sidesOf(options)], initialise, {
    order: 'channelsLast',
  });
}

/** The kernel size, axis by axis. */
const sidesOf = ({ rank, kernel }: ConvolutionOptions): readonly number[] =>
  typeof kernel === 'number' ? Array<number>(rank).fill(kernel) : kernel;

/** Convolution with zero padding that keeps `ceil(size / stride)`. Weights are used in the precision of the input, and trained in their own. */
export function convolution(parameters: ParameterSet, options: ConvolutionOptions): Layer {
  const { rank, outputs, stride = 1, dilation = 1, groups = 1, bias = false } = options;
  const all = (value: number) => Array<number>(rank).fill(value);
  const weight = convolutionWeight(parameters, options);
  const shift = bias ? parameters.weight('bias', [outputs], constant(0), { decay: false }) : null;
  const paddings = sidesOf(options).map((side) => samePadding(side, dilation));
  const [strides, dilations] = [typeof stride === 'number' ? all(stride) : stride, all(dilation)];
  const apply = (x: Tensor) => op.convolution(x, weight, shift, strides, paddings, dilations, groups);
  const isLarge = groups === 1 && weight.size >= PRODUCTS_WORTH_ROUNDING * (options.inputs + outputs);
  return (x, { products }) => {
    if (!isLarge || products !== 'bfloat16' || x.dtype !== 'float32') return apply(x);
    return scope(() => op.toDType(apply(op.toDType(x, products)), 'float32'));
  };
}

/** Products for each number that is read or written, from which on rounding them costs less than it saves. */
const PRODUCTS_WORTH_ROUNDING = 64;

/** Padding on each side that keeps the size at stride 1, for odd kernels. */
export const samePadding = (kernel: number, dilation: number): number => (dilation * (kernel - 1)) / 2;

/** What norms add to a variance where nothing else is said. */
export const NORM_EPSILON = 1e-5;

/** What the norms of a set of weights add to a variance. */
export const epsilonOf = ({ origin }: Pick<ParameterSet, 'origin'>): number => origin.normEpsilon ?? NORM_EPSILON;

export interface NormOptions {
  channels: number;
  /** Learned scale and shift; false during search, so that operators stay comparable. */
  affine?: boolean;
  /** Keep running statistics for inference; without them batch statistics are used always. */
  track?: boolean;
  /** Weight of a new batch in the running statistics. */
  momentum?: number;
  /** Default: that of the set of weights. */
  epsilon?: number;
}

/**
 * Batch norm over batch and space, with `rectify` and the ReLU behind it; over the parts of a batch in all processes where the origin of `parameters` says
 * so.
 */
export function batchNorm(parameters: ParameterSet, options: NormOptions & { rectify?: boolean }): Layer {
  const {
    channels,
    affine = true,
    track = true,
    momentum = 0.1,
    epsilon = epsilonOf(parameters),
    rectify = false,
  } = options;
  const weight = affine ? parameters.weight('weight', [channels], constant(1), { decay: false }) : null;
  const bias = affine ? parameters.weight('bias', [channels], constant(0), { decay: false }) : null;
  const mean = track ? parameters.buffer('runningMean', [channels], 0) : null;
  const variance = track ? parameters.buffer('runningVariance', [channels], 1) : null;
  return (x, pass) => {
    const ofBatch = !track || (pass.training && !pass.frozenNorms);
    const { sumOverRanks } = parameters.origin;
    const share = pass.normMomentum ?? momentum;
    if (ofBatch && sumOverRanks) {
      const normal = synchronisedNorm(x, { weight, bias, mean, variance, momentum: share, epsilon, sumOverRanks });
      return rectify ? op.relu(normal) : normal;
    }
    return op.batchNorm(x, weight, bias, mean, variance, ofBatch, share, epsilon, rectify);
  };
}

/** Instance norm with learned scale and shift. */
export function instanceNorm(parameters: ParameterSet, options: NormOptions): Layer {
  const { channels, affine = true, epsilon = epsilonOf(parameters) } = options;
  const weight = affine ? parameters.weight('weight', [channels], constant(1), { decay: false }) : null;
  const bias = affine ? parameters.weight('bias', [channels], constant(0), { decay: false }) : null;
  return (x) => op.instanceNorm(x, weight, bias, epsilon);
}

export const relu: Layer = (x) => op.relu(x);

/** One layer after the other. */
export const sequence =
  (...layers: Layer[]): Layer =>
  (x, pass) =>
    layers.reduce((value, layer) => layer(value, pass), x);
