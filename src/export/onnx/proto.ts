/**
 * @file An ONNX model as plain data, and as the bytes of its protobuf messages. Field numbers are those of onnx.proto
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). Knows no network.
 */
import { PbfWriter } from 'pbf';
import { ArchitectureError } from '../../base/errors.ts';
import { formatBytes } from '../../base/text.ts';

/** Element types in use, with their code in `TensorProto.DataType`. */
export const ONNX_DTYPES = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, float16: 10 } as const;
export type OnnxDtype = keyof typeof ONNX_DTYPES;

/** A constant: row-major, little-endian. A shape of no axis is a scalar. */
export interface OnnxTensor {
  readonly name: string;
  readonly dtype: OnnxDtype;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** A value of a node's attribute: whole numbers, a number, or a text. */
export type OnnxAttribute =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly text: string };

/** One call of an operator; values are known by name. */
export interface OnnxNode {
  readonly operator: string;
  readonly name: string;
  /** An empty name leaves an optional input out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** An input or output of the model; an axis that may have any length has a name. */
export interface OnnxValue {
  readonly name: string;
  readonly dtype: OnnxDtype;
  readonly shape: readonly (number | string)[];
}

/** A whole model. */
export interface OnnxModel {
  readonly irVersion: number;
  readonly opset: number;
  readonly producerVersion: string;
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly tensors: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** No protobuf message may be larger. */
const LIMIT_BYTES = 2 ** 31 - 1;
/** Room for everything that is no tensor; the buffer grows where it is not enough. */
const ROOM_BYTES = 2 ** 20;

/**
 * The bytes of a `ModelProto`.
 * @throws ArchitectureError when the weights exceed the 2 GiB of a protobuf message.
 */
export function encodeModel(model: OnnxModel): Uint8Array {
  const weights = model.tensors.reduce((total, { data }) => total + data.byteLength, 0);
  if (weights + ROOM_BYTES > LIMIT_BYTES) {
    throw new ArchitectureError(
      `the weights are ${formatBytes(weights)}, an ONNX file holds less than 2 GiB`,
      'export with precision=float16, or a network of fewer filters',
    );
  }
  const pbf = new PbfWriter(new Uint8Array(weights + ROOM_BYTES));
  pbf.writeVarintField(1, model.irVersion);
  pbf.writeStringField(2, 'espalier');
  pbf.writeStringField(3, model.producerVersion);
  pbf.writeMessage(7, writeGraph, model);
  pbf.writeMessage(8, writeOpset, model.opset);
  for (const entry of Object.entries(model.metadata)) pbf.writeMessage(14, writeEntry, entry);
  return pbf.finish();
}

function writeGraph(model: OnnxModel, pbf: PbfWriter): void {
  for (const node of model.nodes) pbf.writeMessage(1, writeNode, node);
  pbf.writeStringField(2, model.name);
  for (const tensor of model.tensors) pbf.writeMessage(5, writeTensor, tensor);
  for (const value of model.inputs) pbf.writeMessage(11, writeValue, value);
  for (const value of model.outputs) pbf.writeMessage(12, writeValue, value);
}

function writeNode({ operator, name, inputs, outputs, attributes }: OnnxNode, pbf: PbfWriter): void {
  for (const input of inputs) pbf.writeStringField(1, input);
  for (const output of outputs) pbf.writeStringField(2, output);
  pbf.writeStringField(3, name);
  pbf.writeStringField(4, operator);
  for (const entry of Object.entries(attributes)) pbf.writeMessage(5, writeAttribute, entry);
}

function writeAttribute([name, value]: [string, OnnxAttribute], pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  if ('float' in value) {
    pbf.writeFloatField(2, value.float);
    pbf.writeVarintField(20, 1);
  } else if ('int' in value) {
    pbf.writeVarintField(3, value.int);
    pbf.writeVarintField(20, 2);
  } else if ('text' in value) {
    pbf.writeStringField(4, value.text);
    pbf.writeVarintField(20, 3);
  } else {
    pbf.writePackedVarint(8, [...value.ints]);
    pbf.writeVarintField(20, 7);
  }
}

function writeTensor({ name, dtype, shape, data }: OnnxTensor, pbf: PbfWriter): void {
  pbf.writePackedVarint(1, [...shape]);
  pbf.writeVarintField(2, ONNX_DTYPES[dtype]);
  pbf.writeStringField(8, name);
  pbf.writeBytesField(9, data);
}

function writeValue({ name, dtype, shape }: OnnxValue, pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  pbf.writeMessage(2, (_, type) => type.writeMessage(1, writeTensorType, { dtype, shape }), null);
}

function writeTensorType({ dtype, shape }: Pick<OnnxValue, 'dtype' | 'shape'>, pbf: PbfWriter): void {
  pbf.writeVarintField(1, ONNX_DTYPES[dtype]);
  pbf.writeMessage(2, (axes, message) => axes.forEach((axis) => void message.writeMessage(1, writeAxis, axis)), shape);
}

function writeAxis(axis: number | string, pbf: PbfWriter): void {
  if (typeof axis === 'number') pbf.writeVarintField(1, axis);
  else pbf.writeStringField(2, axis);
}

function writeOpset(version: number, pbf: PbfWriter): void {
  pbf.writeVarintField(2, version);
}

function writeEntry([key, value]: [string, string], pbf: PbfWriter): void {
  pbf.writeStringField(1, key);
  pbf.writeStringField(2, value);
}
