/**
 * @file A network as an ONNX model: its graph node by node, what goes before and after it, and what the model says about itself.
 * Reads the graph data and stored weights; knows neither the engine nor where a network comes from.
 */
import { ConfigError } from '../../base/errors.ts';
import type { MeasuredChannels } from '../../data/channels/format.ts';
import type { Region, SegmentationClass } from '../../data/types.ts';
import type { Preparation } from '../../data/volumes/preparation.ts';
import { channelsOf, inferShapes, type NetworkGraph } from '../../models/graph.ts';
import { formatMetadata, type ModelMetadata, type ModelResult, type Preprocessing } from '../../portable/metadata.ts';
import type { StoredTensor } from '../../run/safetensors.ts';
import { OnnxBuilder, type SpatialSize } from './builder.ts';
import { foldedNorms, readersOf } from './fold.ts';
import { lowerNode } from './nodeRows.ts';
import { OUTPUTS, writeMean, writeMeanOfRegions, writeOutput } from './outputs.ts';
import { encodeModel, type OnnxDtype, type OnnxModel, type OnnxValue } from './proto.ts';
import { readSize } from './readSize.ts';
import { readWeights } from './weights.ts';

/** Operators of ONNX 1.12; the first with everything that is used here is 15 (sizes of a part of the axes). */
export const OPSET = 17;
/** Version of the file format that belongs to it. */
const IR_VERSION = 8;

/** What is exported. */
export interface ExportedNetwork {
  readonly graph: NetworkGraph;
  /** Weights and running statistics by the paths of the nodes. */
  readonly tensors: Readonly<Record<string, StoredTensor>>;
  readonly classes: readonly SegmentationClass[];
  /** Present where the outputs of the graph are regions. */
  readonly regions?: readonly Region[];
  /** Images are read at 1 / reduction of their size; the model does that itself. */
  readonly reduction: number;
  /** Before that they are brought to so many pixels on their longer side. */
  readonly longSide?: number;
  /** How volumes are made ready for it. */
  readonly preparation?: Preparation;
  /** The channels of its images, where they are not 8-bit RGB. */
  readonly channels?: MeasuredChannels;
  /** What the network was built from, as JSON text. */
  readonly architecture?: string;
}

/** How it is exported. */
export interface OnnxOptions {
  /** The spatial size of the input; `dynamic` takes any. */
  readonly size: readonly number[] | 'dynamic';
  /** Samples at a time; `dynamic` takes any number. */
  readonly batch: number | 'dynamic';
  /** Of weights and computation; float32 goes in and comes out. */
  readonly precision: 'float32' | 'float16';
  /** Of stored weights of convolutions, where the computation is in float32: float16 halves the file. Default: as `precision`. */
  readonly weights?: 'float32' | 'float16';
  /** Bytes `[batch, height, width, 3]` go in, and the model brings them to [-1, 1]; else it is given `[batch, 3, height, width]` in [-1, 1]. */
  readonly normalise: boolean;
  readonly result: ModelResult;
  /** Version of espalier, for the metadata. */
  readonly version: string;
}

/** Name of the input of every model. */
export const INPUT = 'image';

/**
 * The bytes of the model: of one network, or of the mean of the softmax of several.
 * @throws ConfigError or ShapeError for options that do not fit the networks.
 */
export const writeOnnx = (network: ExportedNetwork | readonly ExportedNetwork[], options: OnnxOptions): Uint8Array =>
  encodeModel(buildOnnx(network, options));

const isList = (network: ExportedNetwork | readonly ExportedNetwork[]): network is readonly ExportedNetwork[] =>
  Array.isArray(network);

/** The model as data. */
export function buildOnnx(network: ExportedNetwork | readonly ExportedNetwork[], options: OnnxOptions): OnnxModel {
  const members = isList(network) ? network : [network];
  for (const member of members) checkOptions(member, options);
  const [{ graph, regions }] = members;
  const write = new OnnxBuilder(options.batch);
  const image = readImage(write, options);
  const scores = members.map((member, i) =>
    write.within(members.length === 1 ? '' : `network${i + 1}.`, () => addNetwork(write, member, image, options)),
  );
  if (members.length === 1) writeOutput(write, scores[0], options.result, regions);
  else if (regions) writeMeanOfRegions(write, scores, options.result, regions);
  else writeMean(write, scores, options.result);
  return {
    irVersion: IR_VERSION,
    opset: OPSET,
    producerVersion: options.version,
    name: 'segmentation',
    nodes: write.nodes,
    tensors: write.tensors,
    inputs: [inputOf(graph, options)],
    outputs: [outputOf(graph, options)],
    metadata: formatMetadata(metadataOf(members, options)),
  };
}

/** Adds a network that reads `image`; returns the name of its logits, at the size of the image. */
function addNetwork(write: OnnxBuilder, network: ExportedNetwork, image: string, options: OnnxOptions): string {
  const { graph, tensors } = network;
  const { size, precision } = options;
  const whole = (): SpatialSize => (size === 'dynamic' ? write.shape(image, 2) : size);
  const isReduced = network.reduction !== 1 || network.longSide !== undefined;
  const readAt: SpatialSize = isReduced ? readSize(write, whole(), network) : size;
  const read = isReduced ? write.resize('reduced', image, channelsIn(graph), readAt) : image;
  const values = [precision === 'float16' ? write.cast(read, 'float16') : read];
  const readers = readersOf(graph);
  const lowering = {
    write,
    rank: graph.rank,
    weights: readWeights(tensors),
    precision,
    halfWeights: hasHalfWeights(options),
    nodes: graph.nodes,
    channels: channelsOf(graph),
    shapes: typeof readAt === 'string' ? undefined : inferShapes(graph, readAt),
    folded: foldedNorms(graph, readers),
    values,
  };
  const last = graph.nodes.length - 1;
  for (const [i, node] of graph.nodes.entries()) {
    // What only the training reads is left out.
    if (i < last && readers[i].length === 0) continue;
    const inputs = node.kind === 'input' ? [values[0]] : node.inputs.map((input) => values[input]);
    values[i] = lowerNode(node, inputs, lowering, i);
  }
  const logits = values[last];
  const exact = precision === 'float16' ? write.cast(logits, 'float32') : logits;
  return isReduced ? write.resize('enlarged', exact, graph.classes, whole()) : exact;
}

const hasHalfWeights = ({ precision, weights }: OnnxOptions): boolean =>
  precision === 'float32' && weights === 'float16';

function checkOptions({ graph, regions, channels }: ExportedNetwork, { size, normalise, result }: OnnxOptions): void {
  const other = regions ? 'softmax' : 'sigmoid';
  if (result === other)
    throw new ConfigError(
      `result=${result}: the outputs are ${regions ? 'regions, which overlap' : 'classes, of which a pixel has one'}`,
      `take result=${regions ? 'sigmoid' : 'softmax'}`,
    );
  if (normalise && (graph.rank !== 2 || channelsIn(graph) !== 3 || channels !== undefined))
    throw new ConfigError(
      'normalise=true is for images of 8-bit RGB',
      'leave it out: the metadata say how other images and volumes are normalised',
    );
  if (result === 'argmax' && graph.classes > 256)
    throw new ConfigError(`result=argmax writes bytes, ${graph.classes} classes do not fit`, 'take result=logits');
  // Throws where the size does not fit.
  if (size !== 'dynamic') inferShapes(graph, size);
}

/** From bytes with the channels last to [-1, 1] with the channels first, or as it comes. */
function readImage(write: OnnxBuilder, { normalise }: OnnxOptions): string {
  if (!normalise) return INPUT;
  const planes = write.node('Transpose', 'planes', [write.cast(INPUT, 'float32')], { perm: { ints: [0, 3, 1, 2] } });
  const scalar = (name: string, value: number) => write.tensor(name, 'float32', [], Float32Array.of(value));
  const { divisor, offset } = BYTES;
  return write.node('Sub', 'normalised', [
    write.node('Div', 'divided', [planes, scalar('divisor', divisor)]),
    scalar('offset', offset),
  ]);
}

/** 0..255 to [-1, 1]. */
const BYTES = { divisor: 127.5, offset: 1 } as const;

/** The smallest number that both divide. */
function leastCommonMultiple(a: number, b: number): number {
  let [rest, divisor] = [a, b];
  while (divisor > 0) [rest, divisor] = [divisor, rest % divisor];
  return (a / rest) * b;
}

const channelsIn = ({ nodes: [first] }: NetworkGraph): number => (first.kind === 'input' ? first.channels : 0);

const AXES = ['depth', 'height', 'width'];

const shapeOf = (graph: NetworkGraph, { batch, size }: OnnxOptions) => ({
  samples: batch === 'dynamic' ? 'batch' : batch,
  spatial: size === 'dynamic' ? AXES.slice(-graph.rank) : size,
});

function inputOf(graph: NetworkGraph, options: OnnxOptions): OnnxValue {
  const { samples, spatial } = shapeOf(graph, options);
  const channels = channelsIn(graph);
  return options.normalise
    ? { name: INPUT, dtype: 'uint8', shape: [samples, ...spatial, channels] }
    : { name: INPUT, dtype: 'float32', shape: [samples, channels, ...spatial] };
}

function outputOf(graph: NetworkGraph, options: OnnxOptions): OnnxValue {
  const { samples, spatial } = shapeOf(graph, options);
  const name = OUTPUTS[options.result];
  const dtype: OnnxDtype = options.result === 'argmax' ? 'uint8' : 'float32';
  return { name, dtype, shape: [samples, ...(options.result === 'argmax' ? [] : [graph.classes]), ...spatial] };
}

function metadataOf(members: readonly ExportedNetwork[], options: OnnxOptions): ModelMetadata {
  const [{ graph, classes, regions, preparation, channels: measured, ...first }] = members;
  const architecture = members.length === 1 ? first.architecture : undefined;
  const { size, result, precision, version, normalise } = options;
  const channels = channelsIn(graph);
  const multiples = members.flatMap((member) => member.graph.sideMultiple ?? []);
  const sideMultiple = multiples.length === 0 ? undefined : multiples.reduce(leastCommonMultiple);
  const preprocessing: Preprocessing = normalise
    ? { layout: 'channelsLast', dtype: 'uint8', channels, divisor: 1, offset: 0 }
    : {
        layout: 'channelsFirst',
        dtype: 'float32',
        channels,
        ...(graph.rank === 2 && measured === undefined ? BYTES : { divisor: 1, offset: 0 }),
      };
  return {
    classes,
    ...(regions === undefined ? {} : { regions }),
    preprocessing,
    result,
    size,
    precision,
    version,
    ...(hasHalfWeights(options) ? { weights: 'float16' } : {}),
    ...(preparation === undefined ? {} : { preparation }),
    ...(measured === undefined ? {} : { channels: measured }),
    ...(sideMultiple === undefined ? {} : { sideMultiple }),
    ...(architecture === undefined ? {} : { architecture }),
  };
}
