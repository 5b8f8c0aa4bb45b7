/**
 * @file The method that the settings of a search ask for: `method/` knows its own options, not the settings of a command.
 */

import type { Method } from '../../method/method.ts';
import { METHODS } from '../../method/registry.ts';
import type { SearchConfig } from '../../run/config/schemas/search.ts';
import type { KeptMemory } from '../../supernet/keptMemory.ts';
import { warmupEpochsOf } from '../settings.ts';

/** The method of these settings; `memory` replaces a setting of `auto`. */
export function methodOf(config: SearchConfig, memory: KeptMemory = 'fast'): Method {
  const kept = { memory: config.memory === 'auto' ? memory : config.memory, warmupEpochs: warmupEpochsOf(config) };
  switch (config.method) {
    case 'auto-deeplab':
      return METHODS[config.method]({ ...config, ...kept });
    case 'dints':
      return METHODS[config.method]({ ...config, ...kept });
    default:
      return config satisfies never;
  }
}
