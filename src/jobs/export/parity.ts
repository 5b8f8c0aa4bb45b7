/**
 * @file Whether an exported model computes what the engine does: both on the same samples, the largest difference and the share of equal classes.
 */

import { toBytes } from '../../data/images/values.ts';
import type { PixelBatch } from '../../data/loader/batch.ts';
import { noGrad } from '../../engine/autograd.ts';
import { Generator } from '../../engine/device.ts';
import * as op from '../../engine/operators.ts';
import { scope, type Tensor } from '../../engine/tensor.ts';
import { classMap, toTensors } from '../../infer/batch.ts';
import type { Infer } from '../../infer/inference.ts';
import { createNetwork, type Network } from '../../models/network.ts';
import { copyParameters } from '../../nn/average.ts';
import { ParameterSet } from '../../nn/parameters.ts';
import type { ModelMetadata } from '../../portable/metadata.ts';
import { sessionOptions } from '../../portable/node.ts';
import { idsOf } from '../../portable/pixels.ts';
import { loadRuntime } from '../../portable/runtime.ts';

/**
 * How many times the engine's own float32 error another program may be away from it: both round, each in its own order. Over the exports of the tests the
 * difference is at most 1.6 times that error with batch norm, and at most 12 times with instance norm, whose variance onnxruntime computes less exactly. A
 * network that computes something else is thousands of times away.
 */
const ROUNDING_FACTOR = 32;
/** The least error that is assumed of float32, as a share of the largest score: an engine that happens to round nothing expects no more of others. */
const LEAST_ROUNDING = 2 ** -22;
/** Least share of equal classes where the model computes in float16. */
export const HALF_AGREEMENT = 0.99;

/** How far a model and the engine are apart. */
export interface Parity {
  /** Of logits or probabilities, as they come out of the model; null where class ids do. */
  readonly largestDifference: number | null;
  /** Largest absolute score of the engine. */
  readonly largestScore: number;
  /** The engine's own float32 error: the largest difference of its scores from those that it computes in float64. */
  readonly rounding: number;
  /** Share of pixels of the same class. */
  readonly agreement: number;
}

/** The same network with its weights in float64, which reads float64. The caller frees its parameters. */
export function inFloat64(network: Network): Network {
  const origin = { generator: new Generator(0).id, device: 'cpu', dtype: 'float64' } as const;
  const precise = createNetwork(network.graph, new ParameterSet(origin));
  copyParameters(network.parameters, precise.parameters);
  return precise;
}

/**
 * Runs both on every sample; a sample has the size that the model takes.
 * @param precise the same network in float64
 */
export async function measureParity(
  bytes: Uint8Array,
  metadata: Pick<ModelMetadata, 'result' | 'preprocessing' | 'classes' | 'regions'>,
  network: Infer,
  precise: Infer,
  samples: readonly PixelBatch[],
  threads: number,
): Promise<Parity> {
  const runtime = await loadRuntime();
  const session = await runtime.InferenceSession.create(bytes, sessionOptions(threads));
  let [largest, largestScore, rounding] = [0, 0, 0];
  let [equal, pixels] = [0, 0];
  for (const sample of samples) {
    const { input, expected, exact, classes } = scope(() => expectedOf(network, precise, sample, metadata));
    const { preprocessing } = metadata;
    const { batch, size, channels, images } = sample;
    const feed =
      preprocessing.dtype === 'uint8'
        ? new runtime.Tensor('uint8', toBytes(images), [batch, ...size, channels])
        : new runtime.Tensor('float32', input, [batch, channels, ...size]);
    const output = (await session.run({ [session.inputNames[0]]: feed }))[session.outputNames[0]];
    const got = output.data as Float32Array | Uint8Array;
    if (metadata.result !== 'argmax')
      // A NaN stays one, and is no parity.
      expected.forEach((value, i) => {
        largest = Math.max(largest, Math.abs(value - got[i]));
        largestScore = Math.max(largestScore, Math.abs(value));
        rounding = Math.max(rounding, Math.abs(value - exact[i]));
      });
    const ids = metadata.result === 'argmax' ? got : classesOf(got as Float32Array, batch, metadata);
    classes.forEach((id, i) => {
      if (id === ids[i]) equal++;
    });
    pixels += classes.length;
  }
  await session.release();
  return {
    largestDifference: metadata.result === 'argmax' ? null : largest,
    largestScore,
    rounding,
    agreement: equal / pixels,
  };
}

/** The largest difference that is one of rounding: from the engine's own float32 error on this network and these samples. */
export const parityLimit = ({ largestScore, rounding }: Pick<Parity, 'largestScore' | 'rounding'>): number =>
  ROUNDING_FACTOR * Math.max(rounding, LEAST_ROUNDING * largestScore);

/** Whether the difference is one of rounding. */
export function isParity(parity: Parity, precision: ModelMetadata['precision']): boolean {
  const { largestDifference, agreement } = parity;
  if (precision === 'float16' || largestDifference === null) return agreement >= HALF_AGREEMENT;
  return largestDifference <= parityLimit(parity);
}

/** What the engine makes of a sample. */
function expectedOf(
  network: Infer,
  precise: Infer,
  sample: PixelBatch,
  metadata: Pick<ModelMetadata, 'result' | 'classes' | 'regions'>,
) {
  const { result, regions } = metadata;
  const scoresOf = (logits: Tensor) =>
    result === 'softmax' ? op.softmax(logits, 1) : result === 'sigmoid' ? op.sigmoid(logits) : logits;
  return noGrad(() => {
    const { images } = toTensors(sample, 'cpu');
    const logits = network(images);
    return {
      input: images.data() as Float32Array,
      expected: scoresOf(logits).data() as Float32Array,
      exact: scoresOf(precise(op.toDType(images, 'float64'))).data() as Float64Array,
      classes: regions
        ? classesOf(logits.data() as Float32Array, sample.batch, { ...metadata, result: 'logits' })
        : classMap(logits),
    };
  });
}

/** Class ids `[batch, ...spatial]` of scores `[batch, classes or regions, ...spatial]`. */
function classesOf(
  scores: Float32Array,
  batch: number,
  metadata: Pick<ModelMetadata, 'result' | 'classes' | 'regions'>,
): Uint8Array {
  const each = scores.length / batch;
  const maps = Array.from({ length: batch }, (_, i) => idsOf(scores.subarray(i * each, (i + 1) * each), metadata).ids);
  return Uint8Array.from(maps.flatMap((map) => [...map]));
}
