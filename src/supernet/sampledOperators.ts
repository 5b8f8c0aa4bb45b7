/**
 * @file One operator an edge, drawn anew for every pass: Gumbel-max with a straight-through gradient. Only what is drawn is computed.
 * @paper gdas section 3.2
 */
import type { Random } from '../base/random.ts';
import * as op from '../engine/operators.ts';
import { fromArray, type Tensor } from '../engine/tensor.ts';

/** A choice of one operator for every edge. */
export interface SampledOperators {
  /** Index of the operator, edge by edge. */
  readonly chosen: readonly number[];
  /** `[edges, operators]`, one-hot in its values; where it is drawn, its gradient is that of the softmax it was drawn from. */
  readonly table: Tensor;
}

/**
 * Draws operator k of an edge with probability `softmax(alpha)_k`, whatever the temperature: the largest of `alpha + g` with standard Gumbel noise g.
 * The gradient is that of `softmax((alpha + g) / temperature)`: the lower the temperature, the closer to the choice and the rarer its gradients.
 * @param alpha logits `[edges, operators]`
 * @param temperature above 0
 */
export function sampleOperators(alpha: Tensor, random: Random, temperature: number): SampledOperators {
  const noise = Array.from({ length: alpha.size }, () => -Math.log(-Math.log(positive(random))));
  const noisy = op.add(alpha, op.toDevice(fromArray(noise, alpha.shape, alpha.dtype), alpha.device));
  const soft = op.softmax(op.scale(noisy, 1 / temperature), 1);
  const { chosen, table } = strongestOperators(noisy);
  // The difference is exactly 0 and carries the gradient.
  return { chosen, table: op.add(table, op.subtract(soft, op.detach(soft))) };
}

/** The most probable operator of each edge, without a gradient: what is scored between the steps. */
export function strongestOperators(alpha: Tensor): SampledOperators {
  const [edges, operators] = alpha.shape;
  const chosen = op.argmax(op.detach(alpha), 1).numbers();
  const rows = new Float64Array(edges * operators);
  chosen.forEach((k, edge) => {
    rows[edge * operators + k] = 1;
  });
  const table = op.toDType(fromArray(rows, [edges, operators]), alpha.dtype);
  return { chosen, table: op.toDevice(table, alpha.device) };
}

/** From the first to the last temperature, in a straight line over the search */
export const temperatureAt = ([first, last]: readonly [number, number], progress: number): number =>
  progress < 1 ? (1 - progress) * first + progress * last : last;

/** Uniform in (0, 1): the noise of 0 would be infinite. */
const positive = (random: Random): number => Math.max(random.uniform(), 2 ** -33);
