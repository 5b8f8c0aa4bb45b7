/**
 * @file The network that a search found, as the training that follows it would build it: for the classes and the channels of the data of the search, with
 * the stem and the head of the preset of training that has the name of the preset of the search, or of its defaults.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { parseJson } from '../../base/json.ts';
import { readTextFile } from '../../base/textFile.ts';
import type { BuildOptions } from '../../models/architecture.ts';
import { parseConfig } from '../../run/config/config.ts';
import { settings, trainPreset } from '../../run/config/presets.ts';
import type { DataFile } from '../../run/dataFile.ts';
import { openRunFolder } from '../../run/folder.ts';
import { loadConfigFile } from '../../run/openRun.ts';
import { optionsOf } from './networkOptions.ts';

/** What decides a network beside its genotype. */
export interface FoundNetwork {
  readonly options: BuildOptions;
  /** Preset of the training, where there is one of that name. */
  readonly preset?: string;
}

/** Whether a folder is the run of a search. */
export const isSearchRun = (path: string): boolean =>
  existsSync(join(path, 'genotype.json')) && !existsSync(join(path, 'network.json'));

/** @throws DataError when the run does not say what data it had. */
export function foundNetwork(path: string): FoundNetwork {
  const folder = openRunFolder(path);
  const { rank, classes, regions, channels } = readDataFile(join(path, 'data.json'));
  const wanted = loadConfigFile(folder.config).preset;
  const data = { rank, channels: channels ?? (rank === 2 ? 3 : 1), classes: (regions ?? classes).length };
  return trainedOptions(typeof wanted === 'string' ? wanted : undefined, data);
}

/** What a training builds of what a search of a preset finds on such data. */
export function trainedOptions(searchPreset: string | undefined, data: Parameters<typeof optionsOf>[1]): FoundNetwork {
  const preset = trainPreset(searchPreset);
  const config = parseConfig(settings.train, [{ data: 'none', arch: 'none', preset }]);
  return { options: optionsOf(config, data), ...(preset === undefined ? {} : { preset }) };
}

function readDataFile(file: string): Pick<DataFile, 'rank' | 'classes' | 'regions' | 'channels'> {
  try {
    const { rank, classes, regions, channels } = parseJson(readTextFile(file)) as DataFile;
    const isList = (list: unknown): boolean => Array.isArray(list) && list.length > 0;
    if ((rank === 2 || rank === 3) && isList(classes) && (regions === undefined || isList(regions)))
      return { rank, classes, regions, channels };
  } catch {
    // It is said below.
  }
  throw new DataError(
    `${file}: expected the classes of the data of the run, got none`,
    'give genotype.json of the run with classes=... instead of its folder',
  );
}
