/**
 * @file Builds the discrete network of a DiNTS genotype: a stem into every level, the edges that are on, a stem out of every level. @paper dints section 2
 * Weights have the names of those of the supernet, so that either can be filled from the other.
 */
import { ArchitectureError } from '../base/errors.ts';
import { DINTS_OPERATORS } from '../space/dints/operators.ts';
import type { DintsEdge } from '../space/dints/trellis.ts';
import type { DintsGenotype } from '../space/genotype.ts';
import { STANDARD_NORM } from '../space/norm.ts';
import { largestStart, STANDARD_START, stemStrides } from '../space/start.ts';
import { GraphBuilder } from './builder.ts';
import type { NetworkGraph } from './graph.ts';

/** What a genotype of DiNTS leaves open. */
export interface DintsOptions {
  /** Channels of the image or volume. */
  inputs: number;
  classes: number;
  /** Channels of the finest level, even; level d has 2^d times as many. Default: the genotype's. */
  filters?: number;
  /** Channels of every level, finest first, each even, instead of `filters`. */
  widths?: readonly number[];
}

/**
 * The network of `genotype`; its last node gives logits at the input's size, whose sides are multiples of the start stride times 2^levels.
 * @throws ArchitectureError for an odd number of filters.
 */
export function buildDints(genotype: DintsGenotype, options: DintsOptions): NetworkGraph {
  const { inputs, classes, filters = genotype.filters } = options;
  const { levels, topology } = genotype;
  // The stems and the ways down halve the channels of a level.
  const { widths = Array.from({ length: levels }, (_, level) => filters * 2 ** level) } = options;
  const odd = widths.find((width) => width % 2 !== 0);
  if (odd !== undefined)
    throw new ArchitectureError(`filters is ${odd}, a network of dints needs an even number`, `take ${odd + 1}`);
  const { rank, start = STANDARD_START.dints, norm = STANDARD_NORM.dints } = genotype;
  const build = new GraphBuilder(rank, { normOver: norm, sideMultiple: largestStart(start) * 2 ** levels });
  const image = build.input(inputs);
  const place: Place = { build, image, strides: stemStrides(start, rank, 2), channels: (level) => widths[level] };
  build.stage('stemIn');
  let nodes = new Map<number, number>();
  for (const level of new Set(topology[0].map(({ from }) => from))) nodes.set(level, stemIn(place, level));
  topology.forEach((edges, layer) => {
    build.stage(`layer${layer + 1}`);
    const sums = new Map<number, number[]>();
    for (const edge of edges) {
      const term = edgeOutput(place, nodes.get(edge.from) as number, edge);
      sums.set(edge.to, [...(sums.get(edge.to) ?? []), term]);
    }
    nodes = new Map([...sums].map(([level, terms]) => [level, build.add(terms)]));
  });
  build.stage('stemOut');
  stemOut(place, nodes, classes);
  return build.finish(classes);
}

interface Place {
  readonly build: GraphBuilder;
  readonly image: number;
  /** Of the two convolutions of a stem. */
  readonly strides: readonly (number | readonly number[])[];
  /** Channels of a level. */
  readonly channels: (level: number) => number;
}

/** The image at the size of a level: shrunk by its scale, then two convolutions that take the start stride. */
function stemIn({ build, image, strides, channels }: Place, level: number): number {
  const name = `level${level}`;
  const shrunk = build.resizeTimes(image, 2 ** -level);
  const first = build.convolutionNormRelu(`${name}.first`, shrunk, channels(level) / 2, {
    kernel: 3,
    stride: strides[0],
  });
  const second = build.convolution(`${name}.second.convolution`, first, channels(level), {
    kernel: 3,
    stride: strides[1],
  });
  return build.norm(`${name}.second.norm`, second);
}

/** What an edge gives: its input brought to the other level, then the operator. */
function edgeOutput(place: Place, input: number, edge: DintsEdge): number {
  const { build, channels } = place;
  const name = `from${edge.from}to${edge.to}`;
  const { kernels } = DINTS_OPERATORS[edge.operator];
  const moved = preprocess(place, input, edge, name);
  if (kernels.length === 0) return moved;
  const filtered = kernels.reduce<number>(
    (value, kernel, i) => build.convolution(`${name}.${edge.operator}.${i}`, value, channels(edge.to), { kernel }),
    build.relu(moved),
  );
  return build.norm(`${name}.${edge.operator}.norm`, filtered);
}

/** Down: two strided halves, the second a voxel further on. Up: twice the size, then a 1x1. Nothing on the same level. */
function preprocess({ build, channels }: Place, input: number, { from, to }: DintsEdge, name: string): number {
  const outputs = channels(to);
  if (to > from) {
    const half = { kernel: 1, stride: 2 };
    const rectified = build.relu(input);
    const even = build.convolution(`${name}.down.even`, rectified, outputs / 2, half);
    const odd = build.convolution(`${name}.down.odd`, build.shift(rectified), outputs / 2, half);
    return build.norm(`${name}.down.norm`, build.concat([even, odd]));
  }
  if (to < from) return build.reluConvolutionNorm(`${name}.up`, build.resizeTimes(input, 2), outputs, { kernel: 1 });
  return input;
}

/** From the coarsest level that is fed to the size of the image, taking in every finer one on the way. */
function stemOut({ build, image, channels }: Place, nodes: ReadonlyMap<number, number>, classes: number): void {
  const coarsest = Math.max(...nodes.keys());
  let value = nodes.get(coarsest) as number;
  for (let level = coarsest; level >= 0; level--) {
    const own = nodes.get(level);
    if (own !== undefined && level < coarsest) value = build.add([own, value]);
    const outputs = level > 0 ? channels(level - 1) : channels(0) / 2;
    value = build.reluConvolutionNorm(`level${level}`, value, outputs, { kernel: 3 });
    value = level > 0 ? build.resizeTimes(value, 2) : build.resizeLike(value, image);
  }
  value = build.reluConvolutionNorm('last', value, channels(0) / 2, { kernel: 3 });
  build.convolution('logits', value, classes, { kernel: 1, bias: true });
}
