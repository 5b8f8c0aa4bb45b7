/**
 * @file The convolutions that read the input, brought to the data: another number of channels, and colours that the weights expect in other units.
 */
import { ConfigError } from '../../base/errors.ts';
import type { Tensor } from '../../engine/tensor.ts';
import type { NetworkGraph } from '../../models/graph.ts';
import type { StoredTensor } from '../../run/safetensors.ts';
import type { WeightMap } from './weightMap.ts';

/** A convolution that reads the input, by the names of its weights, and where a constant can be added behind it. */
export interface FirstConvolution {
  readonly weight: string;
  readonly bias?: string;
  /** The running mean of the batch norm behind it. */
  readonly mean?: string;
}

export function firstConvolutions({ nodes }: NetworkGraph): FirstConvolution[] {
  return nodes.flatMap((node, i) => {
    if (node.kind !== 'convolution' || nodes[node.inputs[0]].kind !== 'input') return [];
    const norm = nodes.find(({ kind, inputs }) => kind === 'norm' && inputs[0] === i);
    return [
      {
        weight: `${node.name}.weight`,
        ...(node.bias ? { bias: `${node.name}.bias` } : {}),
        ...(norm?.kind === 'norm' && norm.over === 'batch' ? { mean: `${norm.name}.runningMean` } : {}),
      },
    ];
  });
}

/** The values of a float32 tensor, as a view where its bytes allow one. */
export function floatsOf({ data }: StoredTensor): Float32Array {
  const { buffer, byteOffset, byteLength } = data.byteOffset % 4 === 0 ? data : Uint8Array.from(data);
  return new Float32Array(buffer, byteOffset, byteLength / 4);
}

const stored = (values: Float32Array, shape: readonly number[]): StoredTensor => ({
  dtype: 'float32',
  shape,
  data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
});

/**
 * Weights `[outputs, channels, ...kernel]` for `wanted` channels: channel i is the old channel i mod n, times n / wanted, so that the sum over equal channels
 * stays; for a single channel the sum of all. As `timm.models.adapt_input_conv`.
 */
export function adaptChannels(weight: StoredTensor, wanted: number): StoredTensor {
  const [outputs, channels, ...kernel] = weight.shape;
  const size = kernel.reduce((product, side) => product * side, 1);
  const old = floatsOf(weight);
  const values = new Float32Array(outputs * wanted * size);
  for (let o = 0; o < outputs; o++)
    for (let c = 0; c < (wanted === 1 ? channels : wanted); c++)
      for (let k = 0; k < size; k++) {
        const value = old[(o * channels + (c % channels)) * size + k];
        if (wanted === 1) values[o * size + k] += value;
        else values[(o * wanted + c) * size + k] = (value * channels) / wanted;
      }
  return stored(values, [outputs, wanted, ...kernel]);
}

/** Brings the first convolutions to the channels of the network, in place; says what it did. */
export function withChannels(
  tensors: Record<string, StoredTensor>,
  first: readonly FirstConvolution[],
  own: ReadonlyMap<string, Tensor>,
): string | undefined {
  let said: string | undefined;
  for (const { weight } of first) {
    const found = tensors[weight];
    const wanted = own.get(weight)!.shape[1];
    if (found === undefined || found.shape[1] === wanted) continue;
    tensors[weight] = adaptChannels(found, wanted);
    said =
      wanted === 1
        ? `the ${found.shape[1]} input channels are summed`
        : `the ${found.shape[1]} input channels are repeated over ${wanted}, scaled by ${found.shape[1]} / ${wanted}`;
  }
  return said;
}

/**
 * Brings the first convolutions from colours (c - mean) / deviation, c in [0, 1], to the colours 2 c - 1 that networks read here, in place: the weights of a
 * channel are divided by 2 deviation, and what (1 / 2 - mean) / deviation gave in every pixel is taken into the norm behind it, or into the bias. Exact but at
 * the borders, where both pad zeros: a mean colour there, a middle grey here.
 * @throws ConfigError where there is nothing behind the convolution that takes the constant, or the channels are not as many.
 */
export function withColours(
  tensors: Record<string, StoredTensor>,
  first: readonly FirstConvolution[],
  { rank }: NetworkGraph,
  { mean, deviation }: NonNullable<WeightMap['colours']>,
  map: string,
): void {
  if (rank !== 2) throw new ConfigError(`${map}: colours are of images, the data are volumes`, 'leave them out');
  for (const { weight, bias, mean: normMean } of first) {
    const found = tensors[weight];
    if (found === undefined) continue;
    const [outputs, channels, ...kernel] = found.shape;
    if (channels !== mean.length)
      throw new ConfigError(`${map}: colours of ${mean.length} channels for weights of ${channels}`);
    const taker = [bias, normMean].find((name) => name !== undefined && tensors[name] !== undefined);
    if (taker === undefined)
      throw new ConfigError(
        `${map}: colours need a bias or a batch norm with statistics behind ${weight}`,
        'map it too, or leave colours out',
      );
    const size = kernel.reduce((product, side) => product * side, 1);
    const [old, constant] = [floatsOf(found), Float32Array.from(floatsOf(tensors[taker]))];
    const values = new Float32Array(old.length);
    for (let o = 0; o < outputs; o++) {
      let sum = 0;
      for (let c = 0; c < channels; c++)
        for (let k = 0; k < size; k++) {
          const at = (o * channels + c) * size + k;
          values[at] = old[at] / (2 * deviation[c]);
          sum += (old[at] * (0.5 - mean[c])) / deviation[c];
        }
      constant[o] += taker === bias ? sum : -sum;
    }
    tensors[weight] = stored(values, found.shape);
    tensors[taker] = stored(constant, [outputs]);
  }
}
