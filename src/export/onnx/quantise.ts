/**
 * @file A float32 model as one of 8-bit convolutions, in the form that onnxruntime fuses (QDQ): activations `uint8` with one scale a tensor, weights `int8`
 * with one a channel, biases `int32`. Nodes between convolutions stay float32 and read what was rounded; so does every convolution that no other one reads,
 * since 256 levels are too few for scores.
 */
import { DataError } from '../../base/errors.ts';
import type { OnnxModel, OnnxNode, OnnxTensor } from './proto.ts';

/** Least and largest value that is represented; values beyond them become these. */
export interface ValueRange {
  readonly low: number;
  readonly high: number;
}

/** A quantised model, and what became of its nodes. */
export interface QuantisedModel {
  readonly model: OnnxModel;
  /** Convolutions that compute in 8 bits. */
  readonly convolutions: number;
  /** Nodes that stay float32, by operator; arithmetic of sizes is left out. */
  readonly float: Readonly<Record<string, number>>;
}

/** Largest weight; -128 is not used, so that signs are alike. */
const WEIGHT_LEVELS = 127;
const ACTIVATION_LEVELS = 255;

/** The convolutions to quantise: those that another one reads, with stored weights. */
function convolutionsOf({ nodes, tensors }: OnnxModel): readonly OnnxNode[] {
  const stored = new Set(tensors.map(({ name }) => name));
  const read = new Set<string>();
  const chosen: OnnxNode[] = [];
  for (const node of [...nodes].reverse()) {
    const isRead = node.outputs.some((output) => read.has(output));
    const isConvolution = node.operator === 'Conv';
    if (isConvolution && isRead && stored.has(node.inputs[1])) chosen.push(node);
    if (isConvolution || isRead) for (const input of node.inputs) read.add(input);
  }
  return chosen.reverse();
}

/** The node that alone reads a value, where it is a ReLU: the value is then rounded behind it. */
function reluAfter({ nodes, outputs }: OnnxModel, value: string): OnnxNode | undefined {
  const readers = nodes.filter(({ inputs }) => inputs.includes(value));
  const isOutput = outputs.some(({ name }) => name === value);
  return readers.length === 1 && !isOutput && readers[0].operator === 'Relu' ? readers[0] : undefined;
}

/** The values that are rounded: what each quantised convolution reads, and what it gives, behind its ReLU where it has one. */
export function valuesToRound(model: OnnxModel): string[] {
  const values = convolutionsOf(model).flatMap(({ inputs: [input], outputs: [output] }) => [
    input,
    reluAfter(model, output)?.outputs[0] ?? output,
  ]);
  return [...new Set(values)];
}

/** The model with further outputs, to see their ranges. */
export const withOutputs = (model: OnnxModel, values: readonly string[], rank: number): OnnxModel => ({
  ...model,
  outputs: [
    ...model.outputs,
    ...values.map((name) => ({
      name,
      dtype: 'float32' as const,
      shape: Array.from({ length: rank + 2 }, (_, axis) => `${name}.${axis}`),
    })),
  ],
});

/** @throws DataError where the range of a value is missing or not finite. */
export function quantise(model: OnnxModel, ranges: ReadonlyMap<string, ValueRange>): QuantisedModel {
  const chosen = new Map(convolutionsOf(model).map((node) => [node.name, node]));
  const rounded = new Set(valuesToRound(model));
  const tensors = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
  const made: OnnxTensor[] = [];
  const nodes: OnnxNode[] = [];
  /** Names of values behind their rounding. */
  const read = new Map<string, string>();
  const scales = new Map<string, number>();
  const tensor = (
    name: string,
    dtype: OnnxTensor['dtype'],
    shape: readonly number[],
    data: ArrayBufferView,
  ): string => {
    made.push({ name, dtype, shape, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });
    return name;
  };
  const round = (value: string): void => {
    const { scale, zero } = activationScale(value, ranges.get(value));
    const parameters = [
      tensor(`${value}.scale`, 'float32', [], Float32Array.of(scale)),
      tensor(`${value}.zero`, 'uint8', [], Uint8Array.of(zero)),
    ];
    const [bytes, back] = [`${value}.bytes`, `${value}.rounded`];
    nodes.push(nodeOf('QuantizeLinear', [value, ...parameters], bytes));
    nodes.push(nodeOf('DequantizeLinear', [bytes, ...parameters], back));
    read.set(value, back);
    scales.set(value, scale);
  };
  /** A stored tensor in whole numbers with one scale for each channel of the first axis. */
  const wholeNumbers = (
    name: string,
    dtype: 'int8' | 'int32',
    shape: readonly number[],
    data: Int8Array | Int32Array,
    scale: Float32Array,
  ): string => {
    const channels = [scale.length];
    const inputs = [
      tensor(`${name}.${dtype}`, dtype, shape, data),
      tensor(`${name}.scale`, 'float32', channels, scale),
      tensor(
        `${name}.zero`,
        dtype,
        channels,
        dtype === 'int8' ? new Int8Array(scale.length) : new Int32Array(scale.length),
      ),
    ];
    const back = `${name}.rounded`;
    nodes.push({ ...nodeOf('DequantizeLinear', inputs, back), attributes: { axis: { int: 0 } } });
    return back;
  };
  const convolve = (node: OnnxNode): OnnxNode => {
    const [input, weight, bias] = node.inputs;
    const stored = floats(tensors.get(weight));
    const { shape } = tensors.get(weight) as OnnxTensor;
    const weights = roundWeights(stored, shape[0]);
    const inputs = [read.get(input) as string, wholeNumbers(weight, 'int8', shape, weights.data, weights.scale)];
    if (bias !== undefined) {
      const scale = weights.scale.map((one) => one * (scales.get(input) as number));
      inputs.push(wholeNumbers(bias, 'int32', [shape[0]], roundBias(floats(tensors.get(bias)), scale), scale));
    }
    return { ...node, inputs };
  };
  for (const { name } of model.inputs) if (rounded.has(name)) round(name);
  for (const node of model.nodes) {
    const inputs = node.inputs.map((input) => read.get(input) ?? input);
    nodes.push(chosen.has(node.name) ? convolve(node) : { ...node, inputs });
    for (const output of node.outputs) if (rounded.has(output)) round(output);
  }
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  return {
    model: { ...model, nodes, tensors: [...model.tensors.filter(({ name }) => used.has(name)), ...made] },
    convolutions: chosen.size,
    float: countFloat(model, chosen),
  };
}

const nodeOf = (operator: string, inputs: readonly string[], output: string): OnnxNode => ({
  operator,
  name: output,
  inputs,
  outputs: [output],
  attributes: {},
});

/** Scale and zero of 256 levels over a range, which is widened to hold 0. */
function activationScale(value: string, range: ValueRange | undefined): { scale: number; zero: number } {
  if (range === undefined || !Number.isFinite(range.low) || !Number.isFinite(range.high))
    throw new DataError(`"${value}": expected a finite range of its values, got ${JSON.stringify(range)}`);
  const [low, high] = [Math.min(0, range.low), Math.max(0, range.high)];
  const scale = Math.fround(high === low ? 1 : (high - low) / ACTIVATION_LEVELS);
  return { scale, zero: Math.min(ACTIVATION_LEVELS, Math.max(0, Math.round(-low / scale))) };
}

/** Weights `[channels, ...]` in whole numbers with one scale a channel. */
function roundWeights(weights: Float32Array, channels: number): { data: Int8Array; scale: Float32Array } {
  const each = weights.length / channels;
  const scale = new Float32Array(channels).fill(1);
  const data = new Int8Array(weights.length);
  for (let c = 0; c < channels; c++) {
    let largest = 0;
    for (let i = c * each; i < (c + 1) * each; i++) largest = Math.max(largest, Math.abs(weights[i]));
    if (largest > 0) scale[c] = largest / WEIGHT_LEVELS;
    for (let i = c * each; i < (c + 1) * each; i++)
      data[i] = Math.min(WEIGHT_LEVELS, Math.max(-WEIGHT_LEVELS, Math.round(weights[i] / scale[c])));
  }
  return { data, scale };
}

/** Biases in units of the products that they are added to. */
const roundBias = (bias: Float32Array, scale: Float32Array): Int32Array =>
  Int32Array.from(bias, (value, c) => Math.min(2 ** 31 - 1, Math.max(-(2 ** 31), Math.round(value / scale[c]))));

const floats = (tensor: OnnxTensor | undefined): Float32Array => {
  const bytes = (tensor as OnnxTensor).data.slice();
  return new Float32Array(bytes.buffer);
};

/** Nodes that compute with values of the network, not with sizes, by operator. */
function countFloat({ nodes, inputs }: OnnxModel, chosen: ReadonlyMap<string, OnnxNode>): Record<string, number> {
  const values = new Set(inputs.map(({ name }) => name));
  const counts: Record<string, number> = {};
  for (const node of nodes) {
    const { operator } = node;
    if (operator === 'Shape' || !node.inputs.some((input) => values.has(input))) continue;
    for (const output of node.outputs) values.add(output);
    if (!chosen.has(node.name) && !MOVES.includes(operator)) counts[operator] = (counts[operator] ?? 0) + 1;
  }
  return counts;
}

/** Operators that compute nothing. */
const MOVES: readonly string[] = ['Identity', 'Cast', 'Transpose'];
