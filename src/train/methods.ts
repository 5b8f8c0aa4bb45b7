/**
 * @file The methods by name. A new one is a row here, not a fork of the loop.
 */
import type { SearchConfig } from '../run/schemas.ts';
import { autoDeepLab } from './autoDeepLabMethod.ts';
import { dints } from './dintsMethod.ts';
import type { Method } from './method.ts';

/** Every method: the settings of its space in, the method out. */
export const METHODS = { 'auto-deeplab': autoDeepLab, dints } as const;

/** The method that some settings ask for. */
export function methodOf(config: SearchConfig): Method {
  switch (config.method) {
    case 'auto-deeplab':
      return METHODS[config.method](config);
    case 'dints':
      return METHODS[config.method](config);
    default:
      return config satisfies never;
  }
}
