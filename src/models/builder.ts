/**
 * @file Writes a `NetworkGraph` node by node. The compounds that every family uses (convolution + norm, separable pairs) live here; families live in their own files.
 */
import type { GraphNode, NetworkGraph, NodeOperation } from './graph.ts';

/** A graph under construction; every method returns the id of the node that it added, or found. */
export class GraphBuilder {
  readonly nodes: GraphNode[] = [];
  readonly #rank: 2 | 3;
  readonly #normOver: 'batch' | 'instance';
  readonly #sides: Pick<NetworkGraph, 'sideMultiple'>;
  /** Channels of every node so far. */
  readonly #channels: number[] = [];
  /** Nodes of kinds in `PURE` by what they compute. */
  readonly #pure = new Map<string, number>();
  #stage = '';

  constructor(rank: 2 | 3, options: { normOver?: 'batch' | 'instance'; sideMultiple?: number } = {}) {
    const { normOver = 'batch', sideMultiple } = options;
    this.#rank = rank;
    this.#normOver = normOver;
    this.#sides = sideMultiple === undefined ? {} : { sideMultiple };
  }

  /** All nodes added from now on belong to this stage. */
  stage(name: string): void {
    this.#stage = name;
  }

  channels(node: number): number {
    return this.#channels[node];
  }

  input(channels: number): number {
    return this.#add('input', [], { kind: 'input', channels }, channels);
  }

  convolution(
    name: string,
    input: number,
    outputs: number,
    options: {
      kernel: number | readonly number[];
      stride?: number | readonly number[];
      dilation?: number;
      depthwise?: boolean;
      bias?: boolean;
    },
  ): number {
    const { kernel, stride = 1, dilation = 1, depthwise = false, bias = false } = options;
    return this.#add(
      name,
      [input],
      { kind: 'convolution', outputs, kernel, stride, dilation, depthwise, bias },
      outputs,
    );
  }

  norm(name: string, input: number): number {
    return this.#add(name, [input], { kind: 'norm', over: this.#normOver, ...NORM });
  }

  relu(input: number): number {
    return this.#add('relu', [input], { kind: 'relu' });
  }

  pool(mode: 'average' | 'max', input: number, kernel: number, stride: number): number {
    return this.#add('pool', [input], { kind: 'pool', mode, kernel, stride });
  }

  globalPool(input: number): number {
    return this.#add('globalPool', [input], { kind: 'globalPool' });
  }

  resizeLike(input: number, like: number): number {
    return this.#add('resize', [input, like], { kind: 'resize', to: { like } });
  }

  resizeBy(input: number, factor: 2 | 0.5): number {
    return this.#add('resize', [input], { kind: 'resize', to: { factor } });
  }

  /** To `floor(size times)`. */
  resizeTimes(input: number, times: number): number {
    return times === 1 ? input : this.#add('resize', [input], { kind: 'resize', to: { times } });
  }

  /** Without the first element of every axis. */
  shift(input: number): number {
    return this.#add('shift', [input], { kind: 'shift' });
  }

  add(inputs: readonly number[]): number {
    return inputs.length === 1 ? inputs[0] : this.#add('add', inputs, { kind: 'add' });
  }

  concat(inputs: readonly number[]): number {
    const channels = inputs.reduce((total, input) => total + this.#channels[input], 0);
    return this.#add('concat', inputs, { kind: 'concat' }, channels);
  }

  dropPath(input: number, share: number): number {
    return this.#add('dropPath', [input], { kind: 'dropPath', share });
  }

  /** Convolution, norm, ReLU. */
  convolutionNormRelu(
    name: string,
    input: number,
    outputs: number,
    options: { kernel: number; stride?: number | readonly number[]; dilation?: number },
  ): number {
    return this.relu(this.norm(`${name}.norm`, this.convolution(`${name}.convolution`, input, outputs, options)));
  }

  /** ReLU, convolution, norm: the order inside a cell. */
  reluConvolutionNorm(
    name: string,
    input: number,
    outputs: number,
    options: { kernel: number | readonly number[]; stride?: number; dilation?: number },
  ): number {
    return this.norm(`${name}.norm`, this.convolution(`${name}.convolution`, this.relu(input), outputs, options));
  }

  /** The graph; `auxiliary` are nodes of logits at coarser sizes, finest first. */
  finish(classes: number, auxiliary: readonly number[] = []): NetworkGraph {
    return {
      rank: this.#rank,
      classes,
      nodes: this.nodes,
      ...this.#sides,
      ...(auxiliary.length > 0 ? { auxiliary } : {}),
    };
  }

  /** Adds a node, or returns the one that computes the same already: many edges of a cell read one state through a ReLU. */
  #add(name: string, inputs: readonly number[], operation: NodeOperation, channels?: number): number {
    const key = JSON.stringify([operation, inputs]);
    const same = this.#pure.get(key);
    if (same !== undefined) return same;
    if (PURE.has(operation.kind)) this.#pure.set(key, this.nodes.length);
    const path = this.#stage ? `${this.#stage}.${name}` : name;
    this.nodes.push({ ...operation, inputs, stage: this.#stage, name: path });
    this.#channels.push(channels ?? this.#channels[inputs[0]]);
    return this.nodes.length - 1;
  }
}

/** Kinds without weights and without chance: two of one input are one. */
const PURE: ReadonlySet<NodeOperation['kind']> = new Set(['relu', 'pool', 'globalPool', 'resize', 'shift']);

/** Settings of every norm: those of libtorch; running statistics follow a new batch by a tenth. */
export const NORM = { epsilon: 1e-5, momentum: 0.1 } as const;
