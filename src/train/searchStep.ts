/**
 * @file The two steps of a search that take turns, weights and architecture, and the three ways their gradients are taken: by autograd, by CUDA graphs,
 * and through a virtual step of the weights. Knows no method by name.
 */
import { createRandom } from '../base/random.ts';
import type { PixelBatch } from '../data/loader/batch.ts';
import { hasCudaGraphs } from '../engine/cudaGraph.ts';
import { scale } from '../engine/operators.ts';
import type { Tensor } from '../engine/tensor.ts';
import { type Inputs, toTensors } from '../infer/batch.ts';
import type { SearchNetwork } from '../method/method.ts';
import type { Pass } from '../nn/layers.ts';
import { type Parallel, singleProcess } from '../parallel/parallel.ts';
import type { SearchOptions } from './searchOptions.ts';
import type { Search } from './searchState.ts';
import { byAutograd } from './step/differentiate.ts';
import { createGraphedLoss, type GraphedLoss } from './step/graphedLoss.ts';
import { checkLoss, resetStatistics } from './step/health.ts';
import { type StepPlan, takeStepWith } from './step/optimiserStep.ts';
import { type Counting, countedPixels, drawBatch, partWeight } from './step/pixelWeights.ts';
import { takeUnrolledStep } from './step/secondOrder.ts';

/** The batches of a step: of the weights' half of the samples, and of the architecture's while that is searched. */
export interface PairedBatches {
  readonly weightBatch: PixelBatch;
  readonly architectureBatch: PixelBatch | null;
}

/** One step of each kind; each returns its loss, NaN where the step was skipped. All ranks take the same steps. */
export interface SearchStep {
  /** Learning rate of the weights in this step. */
  learningRate(): number;
  /** Whether the architecture looks ahead over the next step of the weights: it then moves before them. @paper darts algorithm 1 */
  readonly looksAhead: boolean;
  weights(batches: PairedBatches): number;
  /** @throws RangeError without a batch of the architecture's half. */
  architecture(batches: PairedBatches): number;
  /** Frees CUDA graphs. */
  close(): void;
}

/** What steps are taken with; `settings` are those of the loop. */
export type SearchStepOptions = Pick<SearchOptions, 'device' | 'loss' | 'parallel'> & {
  readonly dataset: { readonly ignore: number };
  readonly settings: Pick<SearchOptions['settings'], 'epochs' | 'warmupEpochs' | 'seed' | 'secondOrder'>;
  readonly recorder?: { note?(message: string): void };
  /** Steps of an epoch. */
  readonly steps: number;
  /** Whether a CUDA device replays steps that are all alike; default true. */
  readonly cudaGraphs?: boolean;
};

/** The steps of a search from where `search.progress` stands; they read its place in the schedule from there. */
export function createSearchStep(search: Search, options: SearchStepOptions): SearchStep {
  const { network, progress } = search;
  const { device, loss, steps, settings, cudaGraphs = true, parallel = singleProcess } = options;
  const { epochs, warmupEpochs, seed, secondOrder = false } = settings;
  const counting: Counting = { parallel, ignore: options.dataset.ignore };
  const plans = stepPlans(search, parallel);
  const graphs =
    secondOrder || !cudaGraphs || !hasCudaGraphs(device) || !network.steady || parallel.size > 1
      ? null
      : graphedLosses(network, device, loss, options.recorder?.note);
  const epochsDone = () => progress.epoch + progress.current.steps / steps;
  const done = () => epochsDone() / epochs;
  const ramp = () => (epochsDone() - warmupEpochs) / (epochs - warmupEpochs);
  const lossOf = (batch: PixelBatch, counted: number, whose: 'weights' | 'architecture') =>
    searchLoss(network, batch, device, loss, searchPass(seed, progress.step, whose, done()), { ...counting, counted });
  /** Takes a step unless no pixel of its batch counts. */
  const take = (batch: PixelBatch, compared: boolean, step: (counted: number) => number): number => {
    const counted = countedPixels(batch, counting);
    if (!drawBatch(progress.drawn, counted)) return Number.NaN;
    const value = step(counted);
    if (!Number.isFinite(value)) resetStatistics(network.weights);
    checkLoss('the search', progress.health, value, compared);
    return value;
  };
  const learningRate = () => search.weights.rate(done());
  return {
    learningRate,
    looksAhead: secondOrder,
    weights: ({ weightBatch }) =>
      take(weightBatch, true, (counted) => {
        const gradients = graphs?.weights.of(weightBatch) ?? byAutograd(() => lossOf(weightBatch, counted, 'weights'));
        return takeStepWith(plans.weights, learningRate(), [gradients]);
      }),
    architecture({ weightBatch, architectureBatch }) {
      if (!architectureBatch) throw new RangeError('the architecture is searched on a batch of its own half');
      return take(architectureBatch, false, (counted) => {
        const rate = search.architecture.rate(done());
        const objective = () => network.objective(lossOf(architectureBatch, counted, 'architecture'), ramp());
        if (secondOrder) {
          const all = countedPixels(weightBatch, counting);
          const training = () => lossOf(weightBatch, all, 'weights');
          return takeUnrolledStep(plans.architecture, rate, { training, validation: objective, rate: learningRate() });
        }
        const gradients = graphs?.architecture.of(architectureBatch, ramp()) ?? byAutograd(objective);
        return takeStepWith(plans.architecture, rate, [gradients]);
      });
    },
    close() {
      graphs?.weights.close();
      graphs?.architecture.close();
    },
  };
}

/** What each of the two steps trains: the weights with the architecture frozen, and the other way round. */
function stepPlans(
  { network, weights, architecture }: Search,
  parallel: Parallel,
): { weights: StepPlan; architecture: StepPlan } {
  const [trained, logits] = [network.weights.parameters(), network.architecture];
  return {
    weights: { trained, frozen: logits, optimiser: weights.optimiser, clip: weights.clip, parallel },
    architecture: {
      trained: logits,
      frozen: trained,
      optimiser: architecture.optimiser,
      clip: architecture.clip,
      parallel,
    },
  };
}

/** Loss of the supernet on a batch; of several processes, each on its part of it, weighed by `pixelWeights.ts`. */
function searchLoss(
  network: SearchNetwork,
  batch: PixelBatch,
  device: string,
  loss: SearchOptions['loss'],
  pass: Pass,
  counting: Counting & { counted: number },
): Tensor {
  const { images, labels } = toTensors(batch, device);
  const value = loss(network.forward(images, pass), labels);
  return counting.parallel.size === 1 ? value : scale(value, partWeight(batch, counting.counted, counting));
}

/** A training pass; what is drawn in it depends on nothing but the seed, the step and whose step it is, however often it is computed. */
const searchPass = (seed: number, step: number, whose: 'weights' | 'architecture', progress: number): Pass => ({
  training: true,
  progress,
  random: createRandom(seed, 0x9a55, step, whose === 'weights' ? 0 : 1),
});

/** The losses of both steps as CUDA graphs, for a network that does the same in every step. */
function graphedLosses(
  network: SearchNetwork,
  device: string,
  loss: SearchOptions['loss'],
  note?: (message: string) => void,
): { weights: GraphedLoss; architecture: GraphedLoss } {
  const lossOf = ({ images, labels }: Inputs) => loss(network.forward(images, { training: true }), labels);
  return {
    weights: createGraphedLoss(device, lossOf, note),
    architecture: createGraphedLoss(device, (inputs, ramp) => network.objective(lossOf(inputs), ramp), note),
  };
}
