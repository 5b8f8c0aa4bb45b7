/**
 * @file Distillation: a network learns the probabilities of another one. Hinton, Vinyals and Dean 2015, arXiv 1503.02531, section 2.
 */
import { ConfigError } from '../base/errors.ts';
import { operator } from '../engine/call.ts';
import * as op from '../engine/operators.ts';
import { scope, type Tensor } from '../engine/tensor.ts';
import { IGNORE } from './losses.ts';

/**
 * `T^2 KL(softmax(teacher / T) || softmax(logits / T))`, the mean over the pixels that count; the square keeps the gradient as large as that of labels
 * whatever the temperature. 0 where no pixel counts, and where both agree.
 * @param logits `[batch, classes, ...spatial]`; `teacher` has the same shape and gets no gradient
 * @param labels `[batch, ...spatial]`: only which of them are `ignore` matters
 * @param options.temperature above 0; higher ones make probabilities softer
 */
export function distillationLoss(
  logits: Tensor,
  teacher: Tensor,
  labels: Tensor,
  options: { temperature: number; ignore?: number },
): Tensor {
  const { temperature, ignore = IGNORE } = options;
  if (!(temperature > 0)) throw new ConfigError(`a temperature is above 0, got ${temperature}`);
  return scope(() => {
    const wanted = op.scale(op.detach(teacher), 1 / temperature);
    const difference = op.subtract(op.logSoftmax(wanted, 1), op.logSoftmax(op.scale(logits, 1 / temperature), 1));
    const divergence = op.sumOver(op.multiply(op.softmax(wanted, 1), difference), [1]);
    const counting = op.toDType(operator('aten::ne.Scalar').one(labels, ignore), logits.dtype);
    const mean = op.divide(op.sum(op.multiply(divergence, counting)), op.clamp(op.sum(counting), 1, null));
    return op.scale(mean, temperature ** 2);
  });
}
