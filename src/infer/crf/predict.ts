/**
 * @file One input to its class map, with a CRF where the options have one: then also the class map that the network alone gives.
 */
import * as op from '../../engine/operators.ts';
import { scope, type Tensor } from '../../engine/tensor.ts';
import { classMap } from '../batch.ts';
import {
  type Infer,
  type InferenceOptions,
  predictClasses,
  predictProbabilities,
  predictWithProbabilities,
} from '../inference.ts';
import { refine } from './crf.ts';

/** Class maps `[...size]` of one input. */
export interface Predicted {
  readonly ids: Uint8Array;
  /** `[classes, ...size]`, where they were asked for; refined where a CRF did so. */
  readonly probabilities?: Float32Array;
  /** Present where a CRF refined them: those before it, and the milliseconds that it took. */
  readonly unrefined?: { readonly ids: Uint8Array; readonly ms: number };
}

/**
 * The class of every pixel or voxel of one input `[1, channels, ...spatial]`. A CRF needs the probabilities of the whole input at once: 4 bytes a class
 * and voxel, and some times as much while it runs.
 */
export function predictSample(
  network: Infer,
  images: Tensor,
  device: string,
  options: InferenceOptions,
  { withProbabilities = false } = {},
): Predicted {
  const { crf } = options;
  if (!crf)
    return withProbabilities
      ? predictWithProbabilities(network, images, device, options)
      : { ids: predictClasses(network, images, device, options) };
  return scope(() => {
    const probabilities = op.toDevice(predictProbabilities(network, images, device, options), 'cpu');
    const started = performance.now();
    const refined = refine(probabilities, images, crf);
    const ms = performance.now() - started;
    return {
      ids: classMap(refined),
      ...(withProbabilities ? { probabilities: op.contiguous(refined).data() as Float32Array } : {}),
      unrefined: { ids: classMap(probabilities), ms },
    };
  });
}
