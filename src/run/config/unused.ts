/**
 * @file Settings that a command takes but that have no effect in this call: they are refused, so that nobody waits for what does not happen.
 */
import { ConfigError } from '../../base/errors.ts';
import { configKeys } from './config.ts';
import type { CrfConfig } from './schemas/crf.ts';
import { evaluateSchema } from './schemas/evaluate.ts';

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
export const unusedInInference = (
  isOfVolumes: boolean,
  { window, postprocess, crf }: { window?: unknown; postprocess: 'none' | 'crf'; crf: TunedOrNot },
): UnusedSettings[] => [
  ...(isOfVolumes
    ? [{ keys: ['overlay'], because: 'predictions of volumes are drawn as slices' }]
    : [
        { keys: ['toleranceMm'], because: 'it is of volumes, this network reads images' },
        ...(window === undefined
          ? [{ keys: ['overlap'], because: 'images are read as a whole', instead: 'set window too' }]
          : []),
      ]),
  ...unusedInCrf(postprocess, crf),
];

/** The CRF of a command that may know no tuning. */
type TunedOrNot = Pick<CrfConfig, 'iterations'> & Partial<Pick<CrfConfig, 'tune'>>;

/** Settings of a CRF that do nothing without it, or beside `crf.tune`. */
export function unusedInCrf(postprocess: 'none' | 'crf', { tune = false }: TunedOrNot): UnusedSettings[] {
  if (postprocess === 'none')
    return [{ keys: CRF_KEYS, because: 'postprocess is none', instead: 'set postprocess=crf too' }];
  return tune
    ? [{ keys: ['crf.appearance.weight', 'crf.smoothness.weight'], because: 'crf.tune finds it' }]
    : [{ keys: ['crf.tuneOn', 'crf.tuneSamples'], because: 'crf.tune is false', instead: 'set crf.tune=true too' }];
}

const CRF_KEYS = configKeys(evaluateSchema).filter((key) => key.startsWith('crf.'));
