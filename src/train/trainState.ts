/**
 * @file Everything a training needs to go on: weights, their average, the optimiser and the generator, as a checkpoint.
 */
import type { Checkpoint } from '../run/checkpoint.ts';
import type { Training, TrainProgress } from './retrain.ts';
import { loadTensor, restoreTensors, storeTensors } from './state.ts';

/** What the tensors do not say. */
export interface TrainState {
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

export function storeTraining(training: Training): Checkpoint<TrainState> {
  const { optimiser, generator, progress } = training;
  const groups = Object.entries(groupsOf(training)).map(([prefix, tensors]) => storeTensors(tensors, prefix));
  const random = storeTensors(new Map([['generator', generator.state()]]));
  return {
    tensors: Object.assign({}, ...groups, random),
    state: { progress: { ...progress }, steps: optimiser.steps },
  };
}

/** @throws DataError when the checkpoint is of another network. */
export function restoreTraining(training: Training, { tensors, state }: Checkpoint<TrainState>): void {
  for (const [prefix, group] of Object.entries(groupsOf(training))) restoreTensors(group, tensors, prefix);
  training.generator.restore(loadTensor(tensors.generator));
  training.optimiser.steps = state.steps;
  Object.assign(training.progress, state.progress);
}
