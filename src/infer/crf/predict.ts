/**
 * @file One input to its class map, with a CRF where the options have one: then also the class map that the network alone gives. Of regions the class map is
 * written from their masks.
 */
import { ConfigError } from '../../base/errors.ts';
import { writeRegions } from '../../data/regions/regions.ts';
import * as op from '../../engine/operators.ts';
import { scope, type Tensor } from '../../engine/tensor.ts';
import { classMap } from '../batch.ts';
import {
  type Infer,
  type InferenceOptions,
  predictClasses,
  predictProbabilities,
  predictRegionProbabilities,
  predictRegions,
  predictWithProbabilities,
} from '../inference.ts';
import { refine } from './crf.ts';

/** Class maps `[...size]` of one input. */
export interface Predicted {
  readonly ids: Uint8Array;
  /** Of a network of regions: where each is, `[regions, ...size]` of 0 and 1. */
  readonly masks?: Uint8Array;
  /** `[classes or regions, ...size]`, where they were asked for; refined where a CRF did so. */
  readonly probabilities?: Float32Array;
  /** Present where a CRF refined them: those before it, and the milliseconds that it took. */
  readonly unrefined?: { readonly ids: Uint8Array; readonly ms: number };
}

/**
 * The class of every pixel or voxel of one input `[1, channels, ...spatial]`. A CRF needs the probabilities of the whole input at once: 4 bytes a class
 * and voxel, and some times as much while it runs.
 * @throws ConfigError for a CRF of regions
 */
export function predictSample(
  network: Infer,
  images: Tensor,
  device: string,
  options: InferenceOptions,
  { withProbabilities = false } = {},
): Predicted {
  const { crf, regions } = options;
  if (regions) {
    if (crf) throw noCrfOfRegions();
    const all = { ...options, regions };
    const predicted = withProbabilities
      ? predictRegionProbabilities(network, images, device, all)
      : { masks: predictRegions(network, images, device, all) };
    return { ids: writeRegions(predicted.masks, regions), ...predicted };
  }
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

/** A CRF gives every pixel one class; regions overlap. */
export const noCrfOfRegions = (): ConfigError =>
  new ConfigError(
    'postprocess=crf: the CRF labels each pixel with one class, got regions, which overlap',
    'leave postprocess out, or train on classes: without `regions` in the description of the data',
  );
