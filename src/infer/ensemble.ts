/**
 * @file Several networks as one: the mean of their softmax, or of the sigmoids of regions, as logits, so that whatever reads a network reads it.
 */
import * as op from '../engine/operators.ts';
import { scope, type Tensor } from '../engine/tensor.ts';
import { logitsOfRegions, logProbabilities } from '../nn/logProbabilities.ts';
import { type Infer, meanOf } from './inference.ts';

/**
 * Logits `[batch, classes, ...spatial]` whose softmax is the mean of that of the members; of regions the same of sigmoids. A single member stays what it
 * is.
 */
export function meanOfNetworks(members: readonly Infer[], hasRegions = false): Infer {
  if (members.length === 1) return members[0];
  if (hasRegions) return (images) => scope(() => meanOfRegions(members, images));
  return (images) => scope(() => logProbabilities(meanOf(members, (member) => op.softmax(member(images), 1))));
}

function meanOfRegions(members: readonly Infer[], images: Tensor): Tensor {
  const sides = meanOf(members, (member) => {
    const logits = member(images);
    return op.concat([op.sigmoid(logits), op.sigmoid(op.negate(logits))], 1);
  });
  const regions = sides.shape[1] / 2;
  return logitsOfRegions(op.slice(sides, 1, 0, regions), op.slice(sides, 1, regions, 2 * regions));
}
