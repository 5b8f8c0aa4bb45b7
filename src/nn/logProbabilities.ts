/**
 * @file Probabilities as logits: their logarithm, which is finite. Where several networks are one, their mean is given to whatever reads logits.
 */
import * as op from '../engine/operators.ts';
import type { Tensor } from '../engine/tensor.ts';

/** Smaller probabilities have the logarithm of this one. Exported models compute the same. */
export const LEAST_PROBABILITY = 2 ** -100;

/** Logits whose sigmoid is `inside`, which sums to 1 with `outside` at every place. Both are given, so that neither end is rounded away. */
export const logitsOfRegions = (inside: Tensor, outside: Tensor): Tensor =>
  op.subtract(logProbabilities(inside), logProbabilities(outside));

/** Logits whose softmax is `probabilities`, which sum to 1 over the classes. */
export const logProbabilities = (probabilities: Tensor): Tensor =>
  op.log(op.clamp(probabilities, LEAST_PROBABILITY, null));
