/**
 * @file What makes a run smaller that will not fit into memory: settings that this run has and that can still be lowered or raised.
 */
import type { SearchConfig } from '../../run/config/schemas/search.ts';
import type { TrainConfig } from '../../run/config/schemas/train.ts';

/** What makes a search smaller, as far as its settings leave it. */
export const smallerSearch = (config: Pick<SearchConfig, 'batch' | 'memory' | 'method'>): string =>
  [
    ...(config.memory === 'fast' || config.memory === 'balanced' ? ['use memory=small'] : []),
    ...(config.batch > 1 ? ['lower batch'] : []),
    'lower crop',
    ...(config.method === 'dints' ? ['lower width'] : ['raise partialChannels', 'lower filters']),
    'lower layers',
  ].join(', or ');

/** What makes a training smaller, as far as its settings leave it. */
export const smallerTraining = ({ batch, accumulate }: Pick<TrainConfig, 'batch' | 'accumulate'>): string =>
  [
    ...(accumulate < batch ? [`raise accumulate to at most ${batch}`] : []),
    ...(batch > 1 ? ['lower batch'] : []),
    'lower crop',
    'lower filters',
  ].join(', or ');
