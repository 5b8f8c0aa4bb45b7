/**
 * @file A discrete network as data: a list of nodes, each after its inputs. Running, counting, drawing and exporting all read this.
 * Knows sizes and parameters of every node kind; knows nothing of tensors.
 */
import { ShapeError } from '../base/errors.ts';

/** What a node computes. Sizes are spatial, `[depth, height, width]` or `[height, width]`; padding always keeps `ceil(size / stride)`. */
export type NodeOperation =
  | { readonly kind: 'input'; readonly channels: number }
  | ConvolutionOperation
  /** Over the batch and space, with running statistics, or over the space of each sample alone; both with learned scale and shift. */
  | { readonly kind: 'norm'; readonly over: 'batch' | 'instance'; readonly epsilon: number; readonly momentum: number }
  | { readonly kind: 'relu' }
  | { readonly kind: 'pool'; readonly mode: 'average' | 'max'; readonly kernel: number; readonly stride: number }
  | { readonly kind: 'globalPool' }
  /** Linear with aligned corners: to the size of another node, or by 2 (`2 d - 1`) or one half (`ceil(d / 2)`), or `times` a number (`floor(d times)`). */
  | {
      readonly kind: 'resize';
      readonly to: { readonly like: number } | { readonly factor: 2 | 0.5 } | { readonly times: number };
    }
  /** Leaves out the first element of every spatial axis. */
  | { readonly kind: 'shift' }
  | { readonly kind: 'add' }
  | { readonly kind: 'concat' }
  /** Scheduled drop path; `share` is (layer + 1) / layers. Identity at inference. */
  | { readonly kind: 'dropPath'; readonly share: number };

export interface ConvolutionOperation {
  readonly kind: 'convolution';
  readonly outputs: number;
  /** Side of the window; one number an axis where they differ. Odd. */
  readonly kernel: number | readonly number[];
  /** One number an axis where they differ. */
  readonly stride: number | readonly number[];
  readonly dilation: number;
  /** `depthwise` filters each channel alone. */
  readonly depthwise: boolean;
  readonly bias: boolean;
}

/** A node: its inputs come before it in the list; `stage` groups nodes in tables, `name` is the path of its weights. */
export type GraphNode = NodeOperation & {
  readonly inputs: readonly number[];
  readonly stage: string;
  readonly name: string;
};

/** A network: node `i` may read nodes `< i`; the last node gives the logits at the input's size. */
export interface NetworkGraph {
  readonly rank: 2 | 3;
  readonly classes: number;
  /** Every side of the input must be a multiple of this; absent: any size will do. */
  readonly sideMultiple?: number;
  readonly nodes: readonly GraphNode[];
  /** Nodes that give logits at coarser sizes, finest first. Only a loss with deep supervision reads them: inference leaves them out. */
  readonly auxiliary?: readonly number[];
}

/** Channels and spatial size of one node's output. */
export interface NodeShape {
  readonly channels: number;
  readonly size: readonly number[];
}

/** Output shapes of all nodes for an input of spatial `size`. Throws `ShapeError` where sizes or channels do not fit. */
export function inferShapes(graph: NetworkGraph, size: readonly number[]): NodeShape[] {
  if (size.length !== graph.rank || size.some((length) => !Number.isInteger(length) || length < 1)) {
    throw new ShapeError(
      `a network of rank ${graph.rank} needs ${graph.rank} positive sizes, got [${size.join(', ')}]`,
    );
  }
  requireSides(size, graph.sideMultiple);
  const shapes: NodeShape[] = [];
  for (const node of graph.nodes) shapes.push(shapeOf(node, shapes, size));
  return shapes;
}

/** @throws ShapeError that names the next valid sides when one is no multiple of `multiple`. */
export function requireSides(size: readonly number[], multiple = 1): void {
  if (size.every((length) => length % multiple === 0)) return;
  const next = size.map((length) => multiple * Math.ceil(length / multiple));
  throw new ShapeError(
    `sides must be multiples of ${multiple}, got [${size.join(', ')}]`,
    `the next valid ones are [${next.join(', ')}]`,
  );
}

function shapeOf(node: GraphNode, shapes: readonly NodeShape[], size: readonly number[]): NodeShape {
  const first = shapes[node.inputs[0]];
  switch (node.kind) {
    case 'input':
      return { channels: node.channels, size };
    case 'convolution':
      return { channels: node.outputs, size: strided(first.size, node.stride) };
    case 'pool':
      return { channels: first.channels, size: strided(first.size, node.stride) };
    case 'globalPool':
      return { channels: first.channels, size: first.size.map(() => 1) };
    case 'resize':
      return { channels: first.channels, size: resizeTarget(node, first.size, shapes) };
    case 'shift':
      return { channels: first.channels, size: first.size.map((length) => length - 1) };
    case 'concat':
      for (const input of node.inputs) requireSameSize(node, first, shapes[input]);
      return { channels: node.inputs.reduce((total, input) => total + shapes[input].channels, 0), size: first.size };
    case 'add':
      for (const input of node.inputs) {
        requireSameSize(node, first, shapes[input]);
        if (shapes[input].channels !== first.channels)
          throw new ShapeError(`${node.name}: cannot add ${first.channels} and ${shapes[input].channels} channels`);
      }
      return first;
    case 'norm':
    case 'relu':
    case 'dropPath':
      return first;
    default:
      return node satisfies never;
  }
}

/** The batch norms that nothing but one ReLU reads: with it they are one operator. */
export function rectifiedNorms(graph: NetworkGraph): ReadonlySet<number> {
  const onlyReader = onlyReaders(graph);
  const isRectified = (node: GraphNode, i: number) =>
    node.kind === 'norm' && node.over === 'batch' && onlyReader(i)?.kind === 'relu';
  return new Set(graph.nodes.flatMap((node, i) => (isRectified(node, i) ? [i] : [])));
}

/** The convolutions that nothing but one ReLU reads: no norm scales what they give. */
export function rectifiedConvolutions(graph: NetworkGraph): ReadonlySet<number> {
  const onlyReader = onlyReaders(graph);
  const isRectified = (node: GraphNode, i: number) => node.kind === 'convolution' && onlyReader(i)?.kind === 'relu';
  return new Set(graph.nodes.flatMap((node, i) => (isRectified(node, i) ? [i] : [])));
}

/** The depthwise convolutions of stride 1 that nothing but a pointwise one reads: with it they are one operator. */
export function separablePairs(graph: NetworkGraph): ReadonlySet<number> {
  const onlyReader = onlyReaders(graph);
  const isPlain = (node: GraphNode | undefined, depthwise: boolean) =>
    node?.kind === 'convolution' && node.stride === 1 && !node.bias && node.depthwise === depthwise;
  const isFirst = (node: GraphNode, i: number) => {
    const reader = onlyReader(i);
    return isPlain(node, true) && isPlain(reader, false) && (reader as ConvolutionOperation).kernel === 1;
  };
  return new Set(graph.nodes.flatMap((node, i) => (isFirst(node, i) ? [i] : [])));
}

/** The one node that reads a node, where there is but one and the network gives it to nobody else. */
function onlyReaders({ nodes, auxiliary = [] }: NetworkGraph): (node: number) => GraphNode | undefined {
  const readers = nodes.map((): GraphNode[] => []);
  for (const node of nodes) for (const input of node.inputs) readers[input].push(node);
  return (i) => (readers[i].length === 1 && !auxiliary.includes(i) ? readers[i][0] : undefined);
}

/** Channels of every node's output; they do not depend on the size of the input. */
export function channelsOf(graph: NetworkGraph): number[] {
  const channels: number[] = [];
  for (const node of graph.nodes) {
    if (node.kind === 'input') channels.push(node.channels);
    else if (node.kind === 'convolution') channels.push(node.outputs);
    else if (node.kind === 'concat') channels.push(node.inputs.reduce((total, input) => total + channels[input], 0));
    else channels.push(channels[node.inputs[0]]);
  }
  return channels;
}

/** The size a resize node gives. */
export function resizeTarget(
  node: Extract<GraphNode, { kind: 'resize' }>,
  from: readonly number[],
  shapes: readonly { readonly size: readonly number[] }[],
): readonly number[] {
  if ('like' in node.to) return shapes[node.to.like].size;
  if ('times' in node.to) {
    const { times } = node.to;
    return from.map((length) => Math.floor(length * times));
  }
  return node.to.factor === 2 ? from.map((length) => 2 * length - 1) : strided(from, 2);
}

const strided = (size: readonly number[], stride: number | readonly number[]) =>
  size.map((length, axis) => Math.ceil(length / (typeof stride === 'number' ? stride : stride[axis])));

function requireSameSize(node: GraphNode, a: NodeShape, b: NodeShape): void {
  if (a.size.some((length, i) => length !== b.size[i]))
    throw new ShapeError(`${node.name}: inputs have sizes [${a.size.join(', ')}] and [${b.size.join(', ')}]`);
}

/** What a network costs: trained parameters and multiply-adds of its convolutions, in all and by stage. */
export interface NetworkCost {
  readonly parameters: number;
  readonly multiplyAdds: number;
  readonly stages: readonly { readonly stage: string; readonly parameters: number; readonly multiplyAdds: number }[];
}

/** What one node costs. */
export interface NodeCost {
  readonly parameters: number;
  /** Of convolutions only, as papers count them. */
  readonly multiplyAdds: number;
}

/** The cost of every node in one forward pass of one image of spatial `size`. */
export function countNodes(graph: NetworkGraph, size: readonly number[]): NodeCost[] {
  const shapes = inferShapes(graph, size);
  return graph.nodes.map((node, i) => {
    const inputs = node.inputs.length > 0 ? shapes[node.inputs[0]].channels : 0;
    const weights =
      node.kind === 'convolution' ? weightsOf(node, inputs, graph.rank) + (node.bias ? node.outputs : 0) : 0;
    const scaleAndShift = node.kind === 'norm' ? 2 * inputs : 0;
    return { parameters: weights + scaleAndShift, multiplyAdds: multiplyAddsOf(graph, shapes, i) };
  });
}

/** Counts one forward pass of one image of spatial `size`. */
export function countNetwork(graph: NetworkGraph, size: readonly number[]): NetworkCost {
  const stages = new Map<string, { parameters: number; multiplyAdds: number }>();
  countNodes(graph, size).forEach(({ parameters, multiplyAdds }, i) => {
    const name = graph.nodes[i].stage;
    const stage = stages.get(name) ?? { parameters: 0, multiplyAdds: 0 };
    stages.set(name, stage);
    stage.parameters += parameters;
    stage.multiplyAdds += multiplyAdds;
  });
  const rows = [...stages].map(([stage, cost]) => ({ stage, ...cost }));
  return {
    parameters: rows.reduce((total, row) => total + row.parameters, 0),
    multiplyAdds: rows.reduce((total, row) => total + row.multiplyAdds, 0),
    stages: rows.filter((row) => row.parameters > 0),
  };
}

/** Multiply-adds of node `i` when it gives features of `size`: those of convolutions, 0 for anything else. */
export function multiplyAddsOf(
  graph: NetworkGraph,
  shapes: readonly NodeShape[],
  i: number,
  size: readonly number[] = shapes[i].size,
): number {
  const node = graph.nodes[i];
  if (node.kind !== 'convolution') return 0;
  const elements = size.reduce((product, length) => product * length, 1);
  return weightsOf(node, shapes[node.inputs[0]].channels, graph.rank) * elements;
}

const weightsOf = (node: Extract<GraphNode, { kind: 'convolution' }>, inputs: number, rank: 2 | 3): number =>
  node.outputs * (node.depthwise ? 1 : inputs) * windowOf(node.kernel, rank);

/** Elements of a window. */
const windowOf = (kernel: number | readonly number[], rank: number): number =>
  typeof kernel === 'number' ? kernel ** rank : kernel.reduce((product, side) => product * side, 1);
