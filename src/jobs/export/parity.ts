/**
 * @file Whether an exported model computes what the engine does: both on the same samples, the largest difference and the share of equal classes.
 */

import { noGrad } from '../../engine/autograd.ts';
import * as op from '../../engine/operators.ts';
import { scope, type Tensor } from '../../engine/tensor.ts';
import { classMap, type PixelBatch, toTensors } from '../../infer/batch.ts';
import type { Infer } from '../../infer/inference.ts';
import type { ModelMetadata, ModelResult } from '../../portable/metadata.ts';
import { loadRuntime, sessionOptions } from '../../portable/node.ts';
import { largestScores } from '../../portable/pixels.ts';
import { toBytes } from '../records/artifacts.ts';

/**
 * Largest difference of a score that counts as equal in float32, as a share of the largest score, or of 1 where all are smaller. Not less: deep
 * networks of large logits differ by as much from themselves in another memory layout.
 */
export const PARITY_LIMIT = 1e-4;
/** Least share of equal classes where the model computes in float16. */
export const HALF_AGREEMENT = 0.99;

/** How far a model and the engine are apart. */
export interface Parity {
  /** Of logits or probabilities, as they come out of the model; null where class ids do. */
  readonly largestDifference: number | null;
  /** Largest absolute score of the engine. */
  readonly largestScore: number;
  /** Share of pixels of the same class. */
  readonly agreement: number;
}

/** Runs both on every sample; a sample has the size that the model takes. */
export async function measureParity(
  bytes: Uint8Array,
  metadata: Pick<ModelMetadata, 'result' | 'preprocessing' | 'classes'>,
  network: Infer,
  samples: readonly PixelBatch[],
  threads: number,
): Promise<Parity> {
  const runtime = await loadRuntime();
  const session = await runtime.InferenceSession.create(bytes, sessionOptions(threads));
  let [largest, largestScore] = [0, 0];
  let [equal, pixels] = [0, 0];
  for (const sample of samples) {
    const { input, expected, classes } = scope(() => expectedOf(network, sample, metadata.result));
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
      });
    const ids = metadata.result === 'argmax' ? got : classesOf(got as Float32Array, batch, metadata.classes.length);
    classes.forEach((id, i) => {
      if (id === ids[i]) equal++;
    });
    pixels += classes.length;
  }
  await session.release();
  return {
    largestDifference: metadata.result === 'argmax' ? null : largest,
    largestScore,
    agreement: equal / pixels,
  };
}

/** The largest difference that is one of rounding. */
export const parityLimit = ({ largestScore }: Pick<Parity, 'largestScore'>): number =>
  PARITY_LIMIT * Math.max(1, largestScore);

/** Whether the difference is one of rounding. */
export function isParity(parity: Parity, precision: ModelMetadata['precision']): boolean {
  const { largestDifference, agreement } = parity;
  if (precision === 'float16' || largestDifference === null) return agreement >= HALF_AGREEMENT;
  return largestDifference <= parityLimit(parity);
}

/** What the engine makes of a sample. */
function expectedOf(network: Infer, sample: PixelBatch, result: ModelResult) {
  return noGrad(() => {
    const { images } = toTensors(sample, 'cpu');
    const logits = network(images);
    const scores: Tensor = result === 'softmax' ? op.softmax(logits, 1) : logits;
    return {
      input: images.data() as Float32Array,
      expected: scores.data() as Float32Array,
      classes: classMap(logits),
    };
  });
}

/** Class ids `[batch, ...spatial]` of scores `[batch, classes, ...spatial]`. */
function classesOf(scores: Float32Array, batch: number, classes: number): Uint8Array {
  const each = scores.length / batch;
  const maps = Array.from({ length: batch }, (_, i) =>
    largestScores(scores.subarray(i * each, (i + 1) * each), classes),
  );
  return Uint8Array.from(maps.flatMap((map) => [...map]));
}
