/**
 * @file Softmax and entropy of rows of plain numbers.
 */

/** Probabilities of logits; -Infinity gives exactly 0. */
export function softmax(logits: readonly number[]): number[] {
  const largest = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - largest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** Logarithm of the softmax; rows of nothing but -Infinity stay so. */
export function logSoftmax(logits: readonly number[]): number[] {
  const largest = Math.max(...logits);
  if (largest === -Infinity) return [...logits];
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
  return logits.map((logit) => logit - largest - Math.log(total));
}

/** Entropy of a distribution in nats; 0 log 0 is 0, NaN stays NaN. */
export const entropy = (probabilities: readonly number[]): number =>
  probabilities.reduce((sum, p) => (p === 0 ? sum : sum - p * Math.log(p)), 0);
