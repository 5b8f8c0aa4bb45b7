/**
 * @file Everything a training needs to resume: weights, their average, the optimiser and the generator, as a checkpoint.
 */
import { createRandom } from '../../base/random.ts';
import { Generator } from '../../engine/device.ts';
import type { Parallel } from '../../parallel/parallel.ts';
import type { Checkpoint } from '../../run/checkpoint.ts';
import type { Training, TrainProgress } from '../../train/trainState.ts';
import { requireState, requireTensor, TRAINING_STATE } from './state.ts';
import { restoreTensors, storeTensors } from './tensors.ts';

/** What the tensors do not say. */
export interface StoredTraining {
  readonly progress: TrainProgress;
  readonly steps: number;
}

/** Prefixes of the names of the trained and of the averaged weights. */
export const WEIGHTS = 'network.';
export const AVERAGE = 'average.';

const groupsOf = ({ network, optimiser, averaged }: Training) => ({
  [WEIGHTS]: network.parameters.entries(),
  'optimiser.': optimiser.state(),
  ...(averaged ? { [AVERAGE]: averaged.parameters.entries() } : {}),
});

export function storeTraining(training: Training): Checkpoint<StoredTraining> {
  const groups = Object.entries(groupsOf(training)).map(([prefix, tensors]) => storeTensors(tensors, prefix));
  const random = storeTensors(new Map([['generator', training.generator.state()]]));
  return { tensors: Object.assign({}, ...groups, random), state: stateOf(training) };
}

const stateOf = ({ progress, optimiser }: Training): StoredTraining => ({
  progress: { ...progress },
  steps: optimiser.steps,
});

/** Puts every rank where rank 0 stands; each draws random masks of its own. */
export async function shareTraining(training: Training, seed: number, parallel: Parallel): Promise<void> {
  parallel.copyFromFirst(Object.values(groupsOf(training)).flatMap((tensors) => [...tensors.values()]));
  const [state] = await parallel.gather(stateOf(training));
  setState(training, state);
  if (parallel.rank > 0) {
    const own = createRandom(seed, parallel.rank, state.progress.step).integer(2 ** 31);
    training.generator.restore(new Generator(own).state());
  }
}

/** @throws DataError when the checkpoint is of another network, or its state of another form. */
export function restoreTraining(training: Training, { tensors, ...checkpoint }: Checkpoint<StoredTraining>): void {
  const state = requireState(TRAINING_STATE, checkpoint.state);
  for (const [prefix, group] of Object.entries(groupsOf(training))) restoreTensors(group, tensors, prefix);
  training.generator.restore(requireTensor(tensors, 'generator'));
  setState(training, state);
}

function setState({ optimiser, progress }: Training, state: StoredTraining): void {
  optimiser.steps = state.steps;
  Object.assign(progress, state.progress);
}
