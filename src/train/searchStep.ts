/**
 * @file What a step of a search is made of: two halves of the data, two descents that take turns, one loss. Knows no method by name.
 */
import { createRandom, shuffled } from '../base/random.ts';
import type { Sample } from '../data/types.ts';
import { scale } from '../engine/operators.ts';
import type { Tensor } from '../engine/tensor.ts';
import { type Inputs, type PixelBatch, toTensors } from '../infer/batch.ts';
import type { Method, Optimisation, SearchNetwork } from '../method/method.ts';
import type { Pass } from '../nn/layers.ts';
import { IGNORE } from '../nn/losses.ts';
import { type Parallel, singleProcess } from '../parallel/parallel.ts';
import { createReplay, type ReplayedLoss } from './step/cudaGraph.ts';
import { type Descent, type MeanLoss, noLoss } from './step/descend.ts';
import { type Health, startOfHealth } from './step/health.ts';
import { type Counting, countedPixels, type DrawnBatches, noBatches, partWeight } from './step/pixelWeights.ts';

/** Where a search stands; with the tensors of `state` it can go on. */
export interface SearchProgress {
  /** Epochs that are done. */
  epoch: number;
  /** Steps that are done. */
  step: number;
  /** The epoch that has begun. */
  current: { steps: number; weightLoss: MeanLoss; architectureLoss: MeanLoss };
  health: Health;
  /** Batches of both halves. */
  drawn: DrawnBatches;
  /** Whether the search ended before its last epoch because it collapsed to skips. */
  collapsed: boolean;
}

/** Everything a search works on. */
export interface Search {
  readonly network: SearchNetwork;
  readonly weights: Optimisation;
  readonly architecture: Optimisation;
  readonly progress: SearchProgress;
}

export const startOfSearch = (): SearchProgress => ({
  epoch: 0,
  step: 0,
  current: startOfEpoch(),
  health: startOfHealth(),
  drawn: noBatches(),
  collapsed: false,
});

export const startOfEpoch = () => ({ steps: 0, weightLoss: noLoss(), architectureLoss: noLoss() });

/** A search from its start. */
export const createSearch = (method: Pick<Method, 'optimise'>, network: SearchNetwork): Search => ({
  network,
  ...method.optimise(network),
  progress: startOfSearch(),
});

/** The training samples in two disjoint halves, drawn from the seed. @paper auto-deeplab section 4.2 */
export function splitHalves(
  samples: readonly Sample[],
  seed: number,
  fraction = 0.5,
): { weightHalf: Sample[]; architectureHalf: Sample[] } {
  const order = shuffled(samples, createRandom(seed, 0x5917));
  const middle = Math.ceil(order.length * fraction);
  return { weightHalf: order.slice(0, middle), architectureHalf: order.slice(middle) };
}

/** The two steps that take turns: weights with the architecture frozen, and the other way round. */
export function searchDescents(
  { network, weights, architecture }: Search,
  parallel: Parallel = singleProcess,
): { learn: Descent; adapt: Descent } {
  const [trained, logits] = [network.weights.parameters(), network.architecture];
  return {
    learn: { trained, frozen: logits, optimiser: weights.optimiser, clip: weights.clip, parallel },
    adapt: { trained: logits, frozen: trained, optimiser: architecture.optimiser, clip: architecture.clip, parallel },
  };
}

/**
 * Loss of the supernet on a batch; of several processes, each on its part of it, weighed by `pixelWeights.ts`.
 * @param shared.counted pixels of the whole batch that count; counted anew by default, which all processes do together
 */
export function searchLoss(
  network: SearchNetwork,
  batch: PixelBatch,
  device: string,
  loss: (logits: Tensor, labels: Tensor) => Tensor,
  pass: Pass,
  shared: Counting & { counted?: number } = { parallel: singleProcess, ignore: IGNORE },
): Tensor {
  const { images, labels } = toTensors(batch, device);
  const value = loss(network.forward(images, pass), labels);
  if (shared.parallel.size === 1) return value;
  return scale(value, partWeight(batch, shared.counted ?? countedPixels(batch, shared), shared));
}

/** A training pass; what is drawn in it depends on nothing but the seed, the step and whose descent it is, however often it is computed. */
export const searchPass = (
  seed: number,
  step: number,
  descent: 'weights' | 'architecture',
  progress: number,
): Pass => ({
  training: true,
  progress,
  random: createRandom(seed, 0x9a55, step, descent === 'weights' ? 0 : 1),
});

/** The losses of both descents as recordings, where every step does the same; null where it does not, or where several processes share a batch. */
export function replayedLosses(
  { network }: Pick<Search, 'network'>,
  device: string,
  loss: (logits: Tensor, labels: Tensor) => Tensor,
  { parallel = singleProcess, note }: { parallel?: Parallel; note?: (message: string) => void } = {},
): { weights: ReplayedLoss; architecture: ReplayedLoss } | null {
  if (!network.steady || parallel.size > 1) return null;
  const lossOf = ({ images, labels }: Inputs) => loss(network.forward(images, { training: true }), labels);
  return {
    weights: createReplay(device, lossOf, note),
    architecture: createReplay(device, (inputs, ramp) => network.objective(lossOf(inputs), ramp), note),
  };
}
