/**
 * @file The methods by name. A new one is a row here, not a fork of the loop.
 */
import { autoDeepLab } from './autoDeepLab.ts';
import { dints } from './dints.ts';

/** Every method: the settings of its space in, the method out. */
export const METHODS = { 'auto-deeplab': autoDeepLab, dints } as const;
