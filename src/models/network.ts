/**
 * @file Runs a `NetworkGraph`: creates its weights once and walks its nodes. Every intermediate tensor is freed after its last reader.
 */
import { ShapeError } from '../base/errors.ts';
import * as op from '../engine/operators.ts';
import { scope, type Tensor } from '../engine/tensor.ts';
import { dropPath } from '../nn/dropPath.ts';
import { fanInUniform, type Initialiser } from '../nn/initialisers.ts';
import {
  batchNorm,
  type ConvolutionOptions,
  convolution,
  convolutionWeight,
  instanceNorm,
  type Layer,
  type Pass,
} from '../nn/layers.ts';
import { withPaddedSides } from '../nn/padding.ts';
import type { ParameterSet } from '../nn/parameters.ts';
import {
  type ConvolutionOperation,
  channelsOf,
  type GraphNode,
  type NetworkGraph,
  rectifiedConvolutions,
  rectifiedNorms,
  requireSides,
  resizeTarget,
  separablePairs,
} from './graph.ts';

/** A network with weights. */
export interface Network {
  readonly graph: NetworkGraph;
  readonly parameters: ParameterSet;
  /**
   * Logits `[batch, classes, ...spatial]` at the size of the input `[batch, channels, ...spatial]`. Where the graph asks for multiples, other sides are a
   * `ShapeError` in training and padded at inference.
   */
  forward(images: Tensor, pass: Pass): Tensor;
  /** Names of the norms that keep their statistics in training too; see {@link NetworkOptions.frozenStages}. */
  readonly keptNorms: ReadonlySet<string>;
  /** The logits of `forward`, unpadded, then those of the auxiliary nodes of the graph at their own sizes, finest first. */
  forwardAll(images: Tensor, pass: Pass): Tensor[];
}

/** Options of `createNetwork`. */
export interface NetworkOptions {
  initialise?: Initialiser;
  /** Probability that an operator survives at the last layer and the end of training; 1 turns drop path off. */
  dropPathKeep?: number;
  /** Stages whose norms use the statistics that they have, in training too. */
  frozenStages?: ReadonlySet<string>;
}

/** Creates the weights of `graph` in `parameters`. */
export function createNetwork(graph: NetworkGraph, parameters: ParameterSet, options: NetworkOptions = {}): Network {
  const channels = channelsOf(graph);
  const rectified = rectifiedNorms(graph);
  const separable = separablePairs(graph);
  const plain = rectifiedConvolutions(graph);
  const depthwise = new Map<number, Depthwise>();
  const layers = graph.nodes.map((node, i) => {
    const [input] = node.inputs;
    // Of two nodes that are one operator, one hands on what it is given: the ReLU of a norm, the depthwise convolution of a pair.
    const handOn: NodeFunction = ([x]) => x;
    if (node.kind === 'relu' && rectified.has(input)) return handOn;
    if (node.kind === 'convolution' && separable.has(i)) {
      const given = convolutionOptions(graph, node, channels[input], options);
      depthwise.set(i, { weight: convolutionWeight(parameters.child(node.name), given), dilation: node.dilation });
      return handOn;
    }
    // Without a norm behind it a weight must itself keep the variance of what it reads, or a deep network learns nothing.
    const own = plain.has(i) ? { initialise: fanInUniform(2), ...options } : options;
    return createLayer(graph, node, channels[input], parameters, own, rectified.has(i), depthwise.get(input));
  });
  const keptNorms = graph.nodes.filter(({ kind, stage }) => kind === 'norm' && options.frozenStages?.has(stage));
  const logits = [graph.nodes.length - 1];
  const all = [...logits, ...(graph.auxiliary ?? [])];
  const readers = { logits: countReaders(graph, logits), all: countReaders(graph, all) };
  const run = (images: Tensor, pass: Pass, counts: readonly number[], wanted: readonly number[]): Tensor[] => {
    const first = graph.nodes[0];
    if (images.shape.length !== graph.rank + 2 || (first.kind === 'input' && images.shape[1] !== first.channels)) {
      throw new ShapeError(
        `the network reads [batch, ${channels[0]}, ${graph.rank} sizes], got [${images.shape.join(', ')}]`,
      );
    }
    return walk(graph, layers, counts, images, pass, wanted);
  };
  return {
    graph,
    parameters,
    keptNorms: new Set(keptNorms.map(({ name }) => name)),
    forward(images, pass) {
      const only = (x: Tensor) => run(x, pass, readers.logits, logits)[0];
      if (!pass.training) return withPaddedSides(only, images, graph.sideMultiple);
      requireSides(images.shape.slice(2), graph.sideMultiple);
      return only(images);
    },
    forwardAll(images, pass) {
      requireSides(images.shape.slice(2), graph.sideMultiple);
      return run(images, pass, readers.all, all);
    },
  };
}

/** What a node does with its input tensors; `sizes` are those of the nodes before it. */
type NodeFunction = (inputs: readonly Tensor[], pass: Pass, sizes: readonly { size: readonly number[] }[]) => Tensor;

/** Computes the `wanted` nodes; those that no node on the way to them reads are left out. */
function walk(
  graph: NetworkGraph,
  layers: readonly NodeFunction[],
  readers: readonly number[],
  images: Tensor,
  pass: Pass,
  wanted: readonly number[],
): Tensor[] {
  const values: Tensor[] = [];
  const sizes: { size: readonly number[] }[] = [];
  // A node may hand its input through (a resize to the same size): uses are counted per tensor, not per node.
  const uses = new Map<Tensor, number>();
  graph.nodes.forEach((node, i) => {
    if (readers[i] === 0) return;
    const inputs = node.inputs.map((input) => values[input]);
    const value = node.kind === 'input' ? images : layers[i](inputs, pass, sizes);
    values[i] = value;
    sizes[i] = { size: value.shape.slice(2) };
    uses.set(value, (uses.get(value) ?? 0) + readers[i]);
    for (const input of inputs) {
      const left = (uses.get(input) as number) - 1;
      uses.set(input, left);
      if (left === 0 && input !== images) input.free();
    }
  });
  return wanted.map((node) => values[node]);
}

/** The first of a separable pair. */
interface Depthwise {
  readonly weight: Tensor;
  readonly dilation: number;
}

const convolutionOptions = (
  { rank }: NetworkGraph,
  { outputs, kernel, stride, dilation, depthwise, bias }: ConvolutionOperation,
  inputs: number,
  { initialise = fanInUniform() }: NetworkOptions,
): ConvolutionOptions => ({
  rank,
  inputs,
  outputs,
  kernel,
  stride,
  dilation,
  groups: depthwise ? inputs : 1,
  bias,
  initialise,
});

/** @param rectify of a norm: with its ReLU; `before`: of a pointwise convolution, the depthwise one of its pair */
function createLayer(
  graph: NetworkGraph,
  node: GraphNode,
  inputs: number,
  parameters: ParameterSet,
  options: NetworkOptions,
  rectify: boolean,
  before: Depthwise | undefined,
): NodeFunction {
  const own = parameters.child(node.name);
  const single =
    (layer: Layer): NodeFunction =>
    ([x], pass) =>
      layer(x, pass);
  switch (node.kind) {
    case 'input':
      return ([x]) => x;
    case 'convolution': {
      const given = convolutionOptions(graph, node, inputs, options);
      if (!before) return single(convolution(own, given));
      const weight = convolutionWeight(own, given);
      return single((x) => op.separableConvolution(x, before.weight, weight, before.dilation));
    }
    case 'norm': {
      if (node.over === 'instance') return single(instanceNorm(own, { channels: inputs, epsilon: node.epsilon }));
      const norm = batchNorm(own, { channels: inputs, epsilon: node.epsilon, momentum: node.momentum, rectify });
      if (!options.frozenStages?.has(node.stage)) return single(norm);
      return single((x, pass) => norm(x, { ...pass, frozenNorms: true }));
    }
    case 'relu':
      return single(op.relu);
    case 'pool':
      return single((x) =>
        (node.mode === 'max' ? op.maxPool : op.averagePool)(x, node.kernel, node.stride, (node.kernel - 1) / 2),
      );
    case 'globalPool':
      return single(op.globalAveragePool);
    case 'resize':
      return ([x], _, sizes) => op.resize(x, resizeTarget(node, x.shape.slice(2), sizes));
    case 'shift':
      // In scopes of their own: what is made on the way would hold memory until the pass ends.
      return single((x) => scope(() => op.shift(x)));
    case 'add':
      return (terms) => scope(() => terms.reduce(op.add));
    case 'concat':
      return (parts) => op.concat(parts, 1);
    case 'dropPath':
      return single((x, pass) => dropPath(x, node.share, options.dropPathKeep ?? 1, pass));
    default:
      return node satisfies never;
  }
}

/** How many nodes read each node on the way to the `wanted` ones, each of which the caller reads once more; 0 for nodes that are not needed. */
function countReaders(graph: NetworkGraph, wanted: readonly number[]): number[] {
  const readers = graph.nodes.map(() => 0);
  for (const node of wanted) readers[node]++;
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    if (readers[i] > 0) for (const input of graph.nodes[i].inputs) readers[input]++;
  }
  return readers;
}
