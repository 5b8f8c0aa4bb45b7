/**
 * @file The search that may decide where one did not: docs/search.md says what decides a search.
 */
import { commandLine, wordsOf } from '../../run/config/commandLine.ts';
import type { Layer } from '../../run/config/config.ts';
import { settings } from '../../run/config/presets.ts';
import type { SearchConfig } from '../../run/config/schemas/search.ts';

/** The rate of the architecture that the presets for some hundred steps have. */
const ENOUGH_RATE = 0.02;

/** A command: without the decay that holds logits near zero, and at the rate that some hundred steps need; where both hold already, twice as long. */
export function searchAgain(config: SearchConfig): string {
  const { architecture, epochs, warmupEpochs, name = 'search' } = config;
  const decays = 'decay' in architecture && architecture.decay > 0;
  const isSlow = architecture.learningRate < ENOUGH_RATE;
  const changes: Layer = {
    name: `${name}-longer`,
    ...(decays || isSlow
      ? {}
      : { epochs: 2 * epochs, ...(warmupEpochs === undefined ? {} : { warmupEpochs: 2 * warmupEpochs }) }),
    architecture: {
      ...architecture,
      ...(decays ? { decay: 0 } : {}),
      ...(isSlow ? { learningRate: ENOUGH_RATE } : {}),
    },
  };
  return commandLine('search', wordsOf(settings.search, { ...config, ...changes }));
}
