/**
 * @file The methods by name. A new one is a row here, not a fork of the loop.
 */
import type { SearchConfig } from '../run/schemas.ts';
import type { KeptMemory } from '../supernet/keptMemory.ts';
import { autoDeepLab } from './autoDeepLabMethod.ts';
import { dints } from './dintsMethod.ts';
import type { Method } from './method.ts';

/** Every method: the settings of its space in, the method out. */
export const METHODS = { 'auto-deeplab': autoDeepLab, dints } as const;

/** The method that some settings ask for; `memory` stands in for a setting of `auto`. */
export function methodOf(config: SearchConfig, memory: KeptMemory = 'fast'): Method {
  const kept = { memory: config.memory === 'auto' ? memory : config.memory };
  switch (config.method) {
    case 'auto-deeplab':
      return METHODS[config.method]({ ...config, ...kept });
    case 'dints':
      return METHODS[config.method]({ ...config, ...kept });
    default:
      return config satisfies never;
  }
}
