/**
 * @file Everything a search needs to resume: weights, architecture and both optimisers, as a checkpoint.
 */

import type { Parallel } from '../../parallel/parallel.ts';
import type { Checkpoint } from '../../run/checkpoint.ts';
import type { Search, SearchProgress } from '../../train/searchState.ts';
import { requireState, SEARCH_STATE } from './state.ts';
import { restoreTensors, storeTensors } from './tensors.ts';

/** What the tensors do not say. */
export interface StoredSearch {
  readonly progress: SearchProgress;
  readonly steps: { readonly weights: number; readonly architecture: number };
}

/** The groups of tensors of a search, by the prefix of their names. */
const groupsOf = ({ network, weights, architecture }: Search) => ({
  'weights.': network.weights.entries(),
  'architecture.': new Map(network.architecture.map(({ name, tensor }) => [name, tensor])),
  'optimiser.weights.': weights.optimiser.state(),
  'optimiser.architecture.': architecture.optimiser.state(),
});

export function storeSearch(search: Search): Checkpoint<StoredSearch> {
  const groups = Object.entries(groupsOf(search)).map(([prefix, tensors]) => storeTensors(tensors, prefix));
  return { tensors: Object.assign({}, ...groups), state: stateOf(search) };
}

const stateOf = ({ progress, weights, architecture }: Search): StoredSearch => ({
  progress: { ...progress },
  steps: { weights: weights.optimiser.steps, architecture: architecture.optimiser.steps },
});

/** Puts every rank where rank 0 stands. */
export async function shareSearch(search: Search, parallel: Parallel): Promise<void> {
  parallel.copyFromFirst(Object.values(groupsOf(search)).flatMap((tensors) => [...tensors.values()]));
  const [state] = await parallel.gather(stateOf(search));
  setState(search, state);
}

/** @throws DataError when the checkpoint is of another network, or its state of another form. */
export function restoreSearch(search: Search, { tensors, ...checkpoint }: Checkpoint<StoredSearch>): void {
  const state = requireState(SEARCH_STATE, checkpoint.state);
  for (const [prefix, group] of Object.entries(groupsOf(search))) restoreTensors(group, tensors, prefix);
  setState(search, state);
}

function setState({ progress, weights, architecture }: Search, state: StoredSearch): void {
  weights.optimiser.steps = state.steps.weights;
  architecture.optimiser.steps = state.steps.architecture;
  Object.assign(progress, state.progress);
}
