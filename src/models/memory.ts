/**
 * @file Peak memory of a network as data: of inference and of a training step, by walking its nodes as the executor and autograd do.
 *
 * What is counted, in float32: the input and its labels; every value from the node that gives it to its last reader; in training the values that
 * gradients need (what a convolution, a norm or a pool reads, what a ReLU gives that is no part of a norm, the places of a max pool) until the backward pass
 * has passed them, the gradients that are waiting there, the loss; the copies in other layouts that a convolution works on, but of images at inference;
 * weights, their gradients, and the state and the working copy of SGD with momentum and decay. Not counted: the program itself, what the allocator leaves
 * unused, drop path, batches in preparation.
 */
import {
  countNetwork,
  type GraphNode,
  inferShapes,
  type NetworkGraph,
  rectifiedNorms,
  separablePairs,
} from './graph.ts';

/** Peak bytes above what the program itself takes. */
export interface MemoryEstimate {
  readonly inferenceBytes: number;
  /** Of one step: forward, backward and the optimiser. */
  readonly trainingBytes: number;
  /** Of these what a step adds to the weights and the momentum. */
  readonly stepBytes: number;
  /** Of the weights alone. */
  readonly weightBytes: number;
}

/** Estimates the peaks for a batch of inputs of spatial `size`. Throws `ShapeError` where the network does not take that size. */
export function estimateMemory(graph: NetworkGraph, size: readonly number[], batch: number): MemoryEstimate {
  const weightBytes = FLOAT * countNetwork(graph, size).parameters;
  const walk = createWalk(graph, size, batch);
  const step = Math.max(walk.training, 2 * weightBytes);
  return {
    inferenceBytes: weightBytes + walk.inference,
    // Beside activations: weights, momentum, and gradients that grow during the backward pass; then gradients and their decayed copy.
    trainingBytes: 2 * weightBytes + step,
    stepBytes: step,
    weightBytes,
  };
}

const FLOAT = 4;
const INT64 = 8;

/** Bytes in use, and the most there ever were. */
interface Ledger {
  /** Takes bytes, or gives them back when negative. */
  take(bytes: number): void;
  /** Bytes that a node needs only while it runs. */
  pass(bytes: number): void;
  readonly peak: number;
}

function createLedger(): Ledger {
  let [now, peak] = [0, 0];
  return {
    take(bytes) {
      now += bytes;
      peak = Math.max(peak, now);
    },
    pass(bytes) {
      peak = Math.max(peak, now + bytes);
    },
    get peak() {
      return peak;
    },
  };
}

/** Sizes of everything, and who holds what. */
interface Plan {
  readonly nodes: readonly GraphNode[];
  /** The node whose memory a node's value lies in: itself, or its input's for views and nodes that hand through. */
  readonly roots: readonly number[];
  /** Bytes of the value of every node. */
  readonly bytes: readonly number[];
  /** Channels of the value of every node. */
  readonly channels: readonly number[];
  /** Bytes of the weights of every node. */
  readonly weights: readonly number[];
  /** Nodes that read each root. */
  readonly readers: readonly number[];
  /** Roots that the backward pass needs of each node. */
  readonly saved: readonly (readonly number[])[];
}

function createWalk(
  graph: NetworkGraph,
  size: readonly number[],
  batch: number,
): { inference: number; training: number } {
  const plan = createPlan(graph, size, batch);
  const voxels = size.reduce((product, length) => product * length, batch);
  const inference = createLedger();
  // At inference convolutions of images read channels-last as it is.
  forward(plan, inference, () => false, graph.rank === 3);
  const training = createLedger();
  training.take(INT64 * voxels);
  const needed = new Map<number, number>();
  for (const root of plan.saved.flat()) needed.set(root, (needed.get(root) ?? 0) + 1);
  forward(plan, training, (root) => needed.has(root));
  backward(plan, training, needed);
  return { inference: inference.peak, training: training.peak };
}

/** Every value is there from its node to its last reader, or for good where `kept`; `copies`: convolutions work on copies in a layout of their own. */
function forward(plan: Plan, ledger: Ledger, kept: (root: number) => boolean, copies = true): void {
  const left = [...plan.readers];
  plan.nodes.forEach((node, i) => {
    if (plan.roots[i] === i) ledger.take(plan.bytes[i] + extraKept(plan, i, kept(i)));
    ledger.pass(copies ? workspace(plan, i) : plan.weights[i]);
    for (const input of node.inputs) {
      const root = plan.roots[input];
      left[root]--;
      if (left[root] === 0 && !kept(root) && root !== 0) ledger.take(-plan.bytes[root]);
    }
  });
}

/** From the loss to the input: each node takes the gradient of its value and gives those of its inputs. */
function backward(plan: Plan, ledger: Ledger, needed: Map<number, number>): void {
  const last = plan.nodes.length - 1;
  const logits = plan.bytes[last];
  // The loss keeps its log-probabilities and gives the gradient of the logits through one more tensor.
  ledger.take(2 * logits);
  ledger.pass(logits);
  ledger.take(-logits);
  const waiting = new Set([plan.roots[last]]);
  for (let i = last; i > 0; i--) {
    const node = plan.nodes[i];
    if (plan.roots[i] !== i) continue;
    const inputs = [...new Set(node.inputs.map((input) => plan.roots[input]))].filter((root) => root !== 0);
    // A sum hands its gradient on as it is.
    const made = node.kind === 'add' ? [] : inputs;
    for (const root of made) {
      if (waiting.has(root)) ledger.pass(plan.bytes[root]);
      else ledger.take(plan.bytes[root]);
      waiting.add(root);
    }
    ledger.take(plan.weights[i]);
    // The gradient of what it read is computed in that layout, too.
    ledger.pass(workspace(plan, i) + (node.kind === 'convolution' ? blocked(plan, node.inputs[0], node) : 0));
    if (node.kind === 'add') {
      for (const root of inputs) if (!waiting.has(root)) ledger.take(plan.bytes[root]);
      for (const root of inputs) waiting.add(root);
    }
    ledger.take(-plan.bytes[i]);
    for (const root of plan.saved[i]) {
      const users = (needed.get(root) as number) - 1;
      needed.set(root, users);
      if (users === 0 && root !== 0) ledger.take(-plan.bytes[root] - extraKept(plan, root, true));
    }
  }
}

/** What a node keeps beside its value: the places of the largest values. */
function extraKept({ nodes, bytes }: Plan, i: number, training: boolean): number {
  const node = nodes[i];
  return training && node.kind === 'pool' && node.mode === 'max' ? (INT64 / FLOAT) * bytes[i] : 0;
}

/** A convolution works on copies of what it reads and gives, in a layout of its own. */
function workspace(plan: Plan, i: number): number {
  const node = plan.nodes[i];
  return node.kind === 'convolution'
    ? blocked(plan, node.inputs[0], node) + blocked(plan, i, node) + plan.weights[i]
    : 0;
}

/** Bytes of the value of node `i` in the layout of a convolution: channels in blocks of 8, or 16 where the window is one element; few are left as they are. */
function blocked(
  { bytes, channels }: Plan,
  i: number,
  { kernel }: Extract<GraphNode, { kind: 'convolution' }>,
): number {
  const block = kernel === 1 ? 16 : 8;
  const wanted = channels[i] <= 3 && kernel !== 1 ? channels[i] : block * Math.ceil(channels[i] / block);
  return (bytes[i] / channels[i]) * wanted;
}

function createPlan(graph: NetworkGraph, size: readonly number[], batch: number): Plan {
  const { nodes } = graph;
  const shapes = inferShapes(graph, size);
  const elements = shapes.map(
    (shape) => shape.channels * shape.size.reduce((product, length) => product * length, batch),
  );
  const roots: number[] = [];
  const rectified = rectifiedNorms(graph);
  const isPartOfNorm = (node: GraphNode) => node.kind === 'relu' && rectified.has(node.inputs[0]);
  // Of volumes the two are computed one after the other.
  const pairs = graph.rank === 2 ? separablePairs(graph) : new Set<number>();
  nodes.forEach((node, i) => {
    const same = node.kind === 'resize' && elements[i] === elements[node.inputs[0]];
    const view = node.kind === 'shift' || node.kind === 'dropPath' || same || isPartOfNorm(node) || pairs.has(i);
    roots.push(view ? roots[node.inputs[0]] : i);
  });
  const readers = nodes.map(() => 0);
  for (const node of nodes) for (const input of node.inputs) readers[roots[input]]++;
  readers[roots[nodes.length - 1]]++;
  const saved = nodes.map((node, i) => {
    if (node.kind === 'relu') return isPartOfNorm(node) ? [] : [i];
    return ['convolution', 'norm', 'pool'].includes(node.kind) ? [roots[node.inputs[0]]] : [];
  });
  const weights = nodes.map((node) => {
    if (node.kind !== 'convolution') return 0;
    const inputs = node.depthwise ? 1 : shapes[node.inputs[0]].channels;
    const window =
      typeof node.kernel === 'number'
        ? node.kernel ** graph.rank
        : node.kernel.reduce((product, side) => product * side, 1);
    return FLOAT * node.outputs * inputs * window;
  });
  const channels = shapes.map((shape) => shape.channels);
  return { nodes, roots, readers, saved, weights, channels, bytes: elements.map((count) => FLOAT * count) };
}
