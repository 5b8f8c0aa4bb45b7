/**
 * @file What each kind of node is in ONNX: one row a kind. A kind without a row does not compile, and is refused by name when it comes from elsewhere.
 */
import { ArchitectureError } from '../../base/errors.ts';
import type { GraphNode, NodeShape } from '../../models/graph.ts';
import { samePadding } from '../../nn/layers.ts';
import type { OnnxBuilder, SpatialSize } from './builder.ts';
import { foldNorm, scaleAndShift } from './fold.ts';
import { fractionOf } from './fraction.ts';
import { toHalf } from './half.ts';
import type { Weights } from './weights.ts';

/** What a row needs beside its node. */
export interface Lowering {
  readonly write: OnnxBuilder;
  readonly rank: 2 | 3;
  readonly weights: Weights;
  readonly precision: 'float32' | 'float16';
  /** Whether weights of convolutions are stored in 16 bits and become float32 when the model is loaded. */
  readonly halfWeights: boolean;
  readonly nodes: readonly GraphNode[];
  /** Channels of every node; its size too where sizes are fixed. */
  readonly channels: readonly number[];
  readonly shapes: readonly NodeShape[] | undefined;
  /** The norm that each convolution takes in. */
  readonly folded: ReadonlyMap<number, number>;
  /** Names of the values of the nodes so far. */
  readonly values: string[];
}

type Row<Kind extends GraphNode['kind']> = (
  node: Extract<GraphNode, { kind: Kind }>,
  inputs: readonly string[],
  context: Lowering,
  index: number,
) => string;

const ROWS: { readonly [Kind in GraphNode['kind']]: Row<Kind> } = {
  input: (_, [image]) => image,
  convolution: (node, [x], context, index) => {
    const { write, rank } = context;
    const { weight, bias } = convolutionWeights(node, context, index);
    const inputs = [x, weight, ...(bias === undefined ? [] : [bias])];
    const sides = typeof node.kernel === 'number' ? every(rank, node.kernel) : [...node.kernel];
    const pads = sides.map((side) => samePadding(side, node.dilation));
    return write.node('Conv', node.name, inputs, {
      kernel_shape: { ints: sides },
      pads: { ints: [...pads, ...pads] },
      strides: { ints: typeof node.stride === 'number' ? every(rank, node.stride) : [...node.stride] },
      dilations: { ints: every(rank, node.dilation) },
      group: { int: node.depthwise ? context.channels[node.inputs[0]] : 1 },
    });
  },
  norm: (node, [x], context) => {
    // Its convolution has taken it in: the value is the same.
    if (context.folded.has(node.inputs[0])) return x;
    const attributes = { epsilon: { float: node.epsilon } };
    const of = (...parts: string[]) => parts.map((part) => constant(context, `${node.name}.${part}`));
    switch (node.over) {
      case 'batch':
        return context.write.node(
          'BatchNormalization',
          node.name,
          [x, ...of('weight', 'bias', 'runningMean', 'runningVariance')],
          attributes,
        );
      case 'instance':
        return context.write.node('InstanceNormalization', node.name, [x, ...of('weight', 'bias')], attributes);
      default:
        return node.over satisfies never;
    }
  },
  relu: (node, [x], { write }) => write.node('Relu', node.name, [x]),
  pool: (node, [x], { write, rank }) => {
    const pad = (node.kernel - 1) / 2;
    return write.node(node.mode === 'max' ? 'MaxPool' : 'AveragePool', node.name, [x], {
      kernel_shape: { ints: every(rank, node.kernel) },
      strides: { ints: every(rank, node.stride) },
      pads: { ints: every(2 * rank, pad) },
      ...(node.mode === 'average' ? { count_include_pad: { int: 0 } } : {}),
    });
  },
  globalPool: (node, [x], { write }) => write.node('GlobalAveragePool', node.name, [x]),
  resize: (node, [x], context, index) => {
    const { shapes, write, channels } = context;
    const [from, to] = [shapes?.[node.inputs[0]].size, shapes?.[index].size];
    if (to?.every((length, axis) => length === from?.[axis])) return x;
    return write.resize(node.name, x, channels[index], to ?? computedSize(node, x, context));
  },
  shift: (node, [x], { write, rank }) =>
    write.node('Slice', node.name, [
      x,
      write.integers(every(rank, 1)),
      write.integers(every(rank, 2 ** 31 - 1)),
      write.integers(Array.from({ length: rank }, (_, axis) => axis + 2)),
    ]),
  add: (node, terms, { write }) =>
    terms.slice(1).reduce((sum, term) => write.node('Add', node.name, [sum, term]), terms[0]),
  concat: (node, parts, { write }) => write.node('Concat', node.name, parts, { axis: { int: 1 } }),
  // Drops nothing at inference.
  dropPath: (_, [x]) => x,
};

/**
 * Adds what `node` is in ONNX; returns the name of its value.
 * @throws ArchitectureError for a kind that has no row.
 */
export function lowerNode(node: GraphNode, inputs: readonly string[], context: Lowering, index: number): string {
  if (!Object.hasOwn(ROWS, node.kind))
    throw new ArchitectureError(`${node.name}: nodes of kind "${node.kind}" have no form in ONNX`);
  // The table pairs every kind with the row of that kind, which the compiler cannot follow through an index.
  const row = ROWS[node.kind] as Row<GraphNode['kind']>;
  return row(node, inputs, context, index);
}

/** The size a resize gives, computed when the model runs; the same arithmetic as `resizeTarget`. */
function computedSize(
  { to }: Extract<GraphNode, { kind: 'resize' }>,
  x: string,
  { write, values }: Lowering,
): SpatialSize {
  if ('like' in to) return write.shape(values[to.like], 2);
  const from = write.shape(x, 2);
  if ('times' in to) {
    const { numerator, denominator } = fractionOf(to.times, 0);
    return write.scaleSize(from, numerator, denominator, 0);
  }
  return to.factor === 2 ? write.scaleSize(from, 2, 1, -1) : write.scaleSize(from, 1, 2, 1);
}

/** Names of the weight and the bias of a convolution, with the norm in them that it takes in. */
function convolutionWeights(
  node: Extract<GraphNode, { kind: 'convolution' }>,
  context: Lowering,
  index: number,
): { weight: string; bias: string | undefined } {
  const { weights, folded, nodes } = context;
  const stored = weights.get(`${node.name}.weight`);
  const bias = node.bias ? weights.numbers(`${node.name}.bias`) : undefined;
  const norm = nodes[folded.get(index) ?? -1];
  const { data, shift } = ((): { data: Float32Array; shift: Float32Array | undefined } => {
    if (norm?.kind !== 'norm') return { data: stored.data, shift: bias };
    const whole = foldNorm(stored.data, bias, scaleAndShift(weights, norm.name, norm.epsilon));
    return { data: whole.weight, shift: whole.bias };
  })();
  const { write, halfWeights } = context;
  const name = `${node.name}.weight`;
  return {
    weight: halfWeights
      ? write.cast(write.tensor(name, 'float16', stored.shape, toHalf(data)), 'float32')
      : constant(context, name, stored.shape, data),
    bias: shift && constant(context, `${node.name}.bias`, [shift.length], shift),
  };
}

/** A tensor of weights in the precision of the model. */
function constant(
  { write, weights, precision }: Lowering,
  name: string,
  shape = weights.get(name).shape,
  data = weights.numbers(name),
): string {
  return write.tensor(name, precision, shape, precision === 'float16' ? toHalf(data) : data);
}

const every = (count: number, value: number): number[] => Array<number>(count).fill(value);
