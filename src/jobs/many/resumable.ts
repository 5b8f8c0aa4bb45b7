/**
 * @file Runs that belong to something larger, a comparison or trials: each is an ordinary run, is gone on with where it stopped, and is not done again.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ConfigError, NumericError } from '../../base/errors.ts';
import { type ConfigOf, parseConfig, type Settings } from '../../run/config/config.ts';
import { openRunFolder } from '../../run/folder.ts';
import { loadConfigFile } from '../../run/openRun.ts';
import { readOutcome } from '../../run/tables/comparison.ts';
import type { RunWatcher } from '../watcher.ts';

/** Settings that change nothing about what is learnt. */
const INDIFFERENT = ['runs', 'threads', 'workers', 'checkpointMinutes', 'device', 'memory'];

/**
 * Refuses to go on with a run that has other settings.
 * @param whole what it belongs to, for the advice
 * @throws ConfigError that names the setting.
 */
export function requireSame<Of extends Settings>(
  settings: Of,
  path: string,
  wanted: ConfigOf<Of>,
  whole: string,
): void {
  if (!existsSync(join(path, 'config.yaml'))) return;
  const [stored, now] = [parseConfig(settings, [loadConfigFile(join(path, 'config.yaml'))]), wanted].map(
    (config) => config as Readonly<Record<string, unknown>>,
  );
  for (const key of Object.keys({ ...now, ...stored })) {
    if (!INDIFFERENT.includes(key) && !isDeepStrictEqual(now[key], stored[key]))
      throw new ConfigError(
        `${path} was made with another ${key}: ${JSON.stringify(stored[key])}, wanted ${JSON.stringify(now[key])}`,
        `give the ${whole} another name`,
      );
  }
}

/** Starts a run, goes on with it, or leaves it as it is when it has ended. A diverged run is a result. */
export async function runOnce(
  path: string,
  watcher: RunWatcher,
  start: (resume: boolean) => Promise<unknown>,
): Promise<void> {
  const resume = existsSync(join(path, 'config.yaml'));
  if (resume && ['done', 'diverged'].includes(readOutcome(openRunFolder(path)).status)) {
    watcher.line('is done');
    return;
  }
  try {
    await start(resume);
  } catch (error) {
    if (!(error instanceof NumericError)) throw error;
    watcher.line(error.message);
  }
}
