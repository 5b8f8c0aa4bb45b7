/**
 * @file The units of a network: what an engine runs as one operator, each with its sizes and as a network of its own that can be measured.
 */
import {
  type GraphNode,
  inferShapes,
  type NetworkGraph,
  type NodeShape,
  rectifiedNorms,
  separablePairs,
} from '../graph.ts';

/** What runs a network. */
export const LATENCY_TARGETS = ['engine', 'onnxruntime'] as const;
export type LatencyTarget = (typeof LATENCY_TARGETS)[number];

/** The sizes that the time of a unit grows with. */
export interface UnitShape {
  readonly inputs: number;
  readonly outputs: number;
  /** Elements of a channel that it reads, and that it gives. */
  readonly readPixels: number;
  readonly writtenPixels: number;
  /** Elements of the kernel of its convolution, and of its depthwise one; 0 where it has none. */
  readonly taps: number;
  readonly depthwiseTaps: number;
}

/** One operator of a network as it is run. */
export interface LatencyUnit {
  /** All but channels and size: rank, kinds, kernel, stride, dilation. */
  readonly kind: string;
  readonly shape: UnitShape;
  /** Spatial size of what it reads, and of what it gives. */
  readonly size: readonly number[];
  readonly outputSize: readonly number[];
  /** The first of its nodes in the network. */
  readonly node: number;
  /** The unit alone, from an input of `shape.inputs` channels. */
  readonly graph: NetworkGraph;
}

/** The name of a unit in a table. */
export const unitKey = ({ kind, shape: { inputs, outputs }, size, outputSize }: LatencyUnit): string =>
  `${kind} ${inputs}>${outputs} ${size.join('x')}>${outputSize.join('x')}`;

/** The units that `target` runs for one input of `size`. */
export function latencyUnits(graph: NetworkGraph, size: readonly number[], target: LatencyTarget): LatencyUnit[] {
  const shapes = inferShapes(graph, size);
  const chains = target === 'engine' ? engineChains(graph) : runtimeChains(graph);
  return chains.flatMap((chain) => {
    const [first] = chain;
    const node = graph.nodes[first];
    const from = shapes[node.inputs[0]];
    const to = shapes[chain[chain.length - 1]];
    // A resize to the size that is there already hands its input through.
    if (node.kind === 'resize' && sameSize(from, to)) return [];
    return [createUnit(graph, chain, shapes)];
  });
}

const sameSize = (a: NodeShape, b: NodeShape): boolean => a.size.every((side, axis) => side === b.size[axis]);

/** Nodes that cost nothing where they stand alone. */
const FREE: ReadonlySet<GraphNode['kind']> = new Set(['input', 'dropPath', 'shift']);

/** As `network.ts` runs them: a norm with its ReLU, the two halves of a separable convolution. */
function engineChains(graph: NetworkGraph): number[][] {
  const rectified = rectifiedNorms(graph);
  const pairs = separablePairs(graph);
  return graph.nodes.flatMap((node, i) => {
    const [input] = node.inputs;
    if (FREE.has(node.kind) || pairs.has(i)) return [];
    if (node.kind === 'relu' && rectified.has(input)) return [[input, i]];
    if (rectified.has(i)) return [];
    return [node.kind === 'convolution' && pairs.has(input) ? [input, i] : [i]];
  });
}

/** As onnxruntime runs an exported file: batch norms are folded into their convolutions, which also take the ReLU behind them. */
function runtimeChains(graph: NetworkGraph): number[][] {
  const readers = graph.nodes.map((): number[] => []);
  graph.nodes.forEach((node, i) => {
    for (const input of node.inputs) readers[input].push(i);
  });
  const taken = new Set<number>();
  return graph.nodes.flatMap((node, i) => {
    if (FREE.has(node.kind) || taken.has(i)) return [];
    const chain = [i];
    const follow = (isNext: (next: GraphNode) => boolean): void => {
      const behind = readers[chain[chain.length - 1]];
      if (behind.length !== 1 || !isNext(graph.nodes[behind[0]])) return;
      chain.push(behind[0]);
      taken.add(behind[0]);
    };
    if (node.kind === 'convolution') {
      follow((next) => next.kind === 'norm' && next.over === 'batch');
      follow((next) => next.kind === 'relu');
    }
    return [chain];
  });
}

function createUnit(graph: NetworkGraph, chain: readonly number[], shapes: readonly NodeShape[]): LatencyUnit {
  const node = graph.nodes[chain[0]];
  const from = shapes[node.inputs[0]];
  const to = shapes[chain[chain.length - 1]];
  // Every input of a unit is the one input of its graph: a concatenation of parts of other widths is one of equal parts.
  const parts = node.kind === 'concat' ? node.inputs.length : 1;
  const inputs = node.kind === 'concat' ? Math.max(1, Math.round(to.channels / parts)) : from.channels;
  const nodes: GraphNode[] = [{ kind: 'input', channels: inputs, inputs: [], stage: '', name: 'input' }];
  for (const i of chain) {
    const own = graph.nodes[i];
    const last = nodes.length - 1;
    const reads = nodes.length === 1 ? own.inputs.map(() => 0) : [last];
    nodes.push(
      own.kind === 'resize'
        ? { ...own, inputs: [0], to: { times: (to.size[0] + 0.5) / from.size[0] } }
        : { ...own, inputs: reads },
    );
  }
  const unit: NetworkGraph = { rank: graph.rank, classes: to.channels, nodes };
  return {
    kind: kindOf(unit, parts),
    shape: {
      inputs,
      outputs: to.channels,
      readPixels: pixels(from),
      writtenPixels: pixels(to),
      taps: tapsOf(unit, false),
      depthwiseTaps: tapsOf(unit, true),
    },
    size: from.size,
    outputSize: to.size,
    node: chain[0],
    graph: unit,
  };
}

/** Kinds and what shapes them; of sums and concatenations how many parts, of a resize whether it grows. */
function kindOf({ rank, nodes }: NetworkGraph, parts: number): string {
  const names = nodes.slice(1).map((node) => {
    switch (node.kind) {
      case 'convolution':
        return `convolution${node.depthwise ? '.depthwise' : ''}.k${node.kernel}.s${node.stride}.d${node.dilation}`;
      case 'pool':
        return `pool.${node.mode}.k${node.kernel}.s${node.stride}`;
      case 'norm':
        return `norm.${node.over}`;
      case 'add':
        return `add.${node.inputs.length}`;
      case 'concat':
        return `concat.${parts}`;
      default:
        return node.kind;
    }
  });
  return `${rank}D ${names.join('+')}`;
}

const pixels = ({ size }: NodeShape): number => size.reduce((product, side) => product * side, 1);

/** Elements of the kernels of the convolutions that are depthwise, or are not. */
function tapsOf({ rank, nodes }: NetworkGraph, depthwise: boolean): number {
  let taps = 0;
  for (const node of nodes)
    if (node.kind === 'convolution' && node.depthwise === depthwise)
      taps += typeof node.kernel === 'number' ? node.kernel ** rank : node.kernel.reduce((a, b) => a * b, 1);
  return taps;
}
