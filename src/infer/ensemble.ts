/**
 * @file Several networks as one: the mean of their softmax, as logits, so that whatever reads a network reads it.
 */
import * as op from '../engine/operators.ts';
import { scope } from '../engine/tensor.ts';
import { logProbabilities } from '../nn/logProbabilities.ts';
import { type Infer, meanOf } from './inference.ts';

/** Logits `[batch, classes, ...spatial]` whose softmax is the mean of that of the members. A single member stays what it is. */
export function meanOfNetworks(members: readonly Infer[]): Infer {
  if (members.length === 1) return members[0];
  return (images) => scope(() => logProbabilities(meanOf(members, (member) => op.softmax(member(images), 1))));
}
