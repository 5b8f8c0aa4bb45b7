/**
 * @file Settings that a command takes but that have no effect in this call: they are refused, so that nobody waits for what does not happen.
 */
import { ConfigError } from '../../base/errors.ts';

/** Settings without effect in a call, and why. */
export interface UnusedSettings {
  readonly keys: readonly string[];
  /** Completes "has no effect:". */
  readonly because: string;
  /** What to do instead of leaving them out. */
  readonly instead?: string;
}

/**
 * @param given dotted keys of the settings that the words or a file of settings hold
 * @throws ConfigError that names the first of them which has no effect.
 */
export function refuseUnused(given: ReadonlySet<string>, unused: readonly UnusedSettings[]): void {
  for (const { keys, because, instead } of unused)
    for (const key of keys)
      if (given.has(key))
        throw new ConfigError(
          `${key} has no effect: ${because}`,
          instead === undefined ? 'leave it out' : `leave it out, or ${instead}`,
        );
}

/** Settings of `evaluate` and `predict` that do nothing for a network of images or of volumes. */
export const unusedInInference = (isOfVolumes: boolean, window: unknown): UnusedSettings[] =>
  isOfVolumes
    ? [{ keys: ['overlay'], because: 'predictions of volumes are drawn as slices' }]
    : [
        { keys: ['toleranceMm'], because: 'it is of volumes, this network reads images' },
        ...(window === undefined
          ? [{ keys: ['overlap'], because: 'images are read as a whole', instead: 'set window too' }]
          : []),
      ];
