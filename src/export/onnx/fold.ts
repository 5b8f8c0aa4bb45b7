/**
 * @file Norms that go into the convolution before them: with fixed statistics a norm is a scale and a shift of each channel, and so are weights and bias.
 */
import type { NetworkGraph } from '../../models/graph.ts';
import type { Weights } from './weights.ts';

/** The nodes that read each node on the way to the last one; those off that way read nothing. */
export function readersOf({ nodes }: NetworkGraph): readonly (readonly number[])[] {
  const readers = nodes.map((): number[] => []);
  for (let i = nodes.length - 1; i >= 0; i--) {
    if (i === nodes.length - 1 || readers[i].length > 0) for (const input of nodes[i].inputs) readers[input].push(i);
  }
  return readers;
}

/** The norm that each convolution takes in: one over the batch that alone reads it. */
export function foldedNorms(graph: NetworkGraph, readers: readonly (readonly number[])[]): ReadonlyMap<number, number> {
  const folded = new Map<number, number>();
  graph.nodes.forEach((node, i) => {
    if (node.kind !== 'convolution' || readers[i].length !== 1) return;
    const reader = graph.nodes[readers[i][0]];
    if (reader.kind === 'norm' && reader.over === 'batch') folded.set(i, readers[i][0]);
  });
  return folded;
}

/** Scale and shift of each channel that a norm over the batch amounts to at inference. */
export function scaleAndShift(weights: Weights, norm: string, epsilon: number): { scale: number[]; shift: number[] } {
  const [gamma, beta, mean, variance] = ['weight', 'bias', 'runningMean', 'runningVariance'].map((part) =>
    weights.numbers(`${norm}.${part}`),
  );
  const scale = Array.from(gamma, (value, c) => value / Math.sqrt(variance[c] + epsilon));
  return { scale, shift: Array.from(beta, (value, c) => value - mean[c] * scale[c]) };
}

/** Weights `[out, ...]` and bias `[out]` (zero where there is none) of a convolution with its norm in them; in double precision until the end. */
export function foldNorm(
  weight: Float32Array,
  bias: Float32Array | undefined,
  { scale, shift }: { scale: readonly number[]; shift: readonly number[] },
): { weight: Float32Array; bias: Float32Array } {
  const perOutput = weight.length / scale.length;
  return {
    weight: weight.map((value, i) => value * scale[Math.floor(i / perOutput)]),
    bias: Float32Array.from(scale, (factor, c) => (bias?.[c] ?? 0) * factor + shift[c]),
  };
}
