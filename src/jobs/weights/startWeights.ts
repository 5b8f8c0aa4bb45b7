/**
 * @file Where a training takes its first weights from: a run, or a foreign safetensors file with a map.
 */
import { existsSync, statSync } from 'node:fs';
import { ConfigError } from '../../base/errors.ts';
import { outputNames } from '../../data/regions/regions.ts';
import { listNames } from '../../data/splits.ts';
import type { Network } from '../../models/network.ts';
import type { TrainConfig } from '../../run/config/schemas/train.ts';
import { openRunFolder } from '../../run/folder.ts';
import type { NetworkDescription } from '../network.ts';
import { builtInMap, builtInMapNames, refuseUnknownMap } from './builtInMaps.ts';
import { transferForeign } from './foreignWeights.ts';
import { openSafetensors } from './safetensorsFile.ts';
import { type Transfer, transferWeights } from './transferWeights.ts';
import { loadWeightMap, type WeightMap } from './weightMap.ts';

/**
 * Fills a network as `from` and `map` say; returns what was taken and what starts anew, in one line.
 * @throws ConfigError where `map` is missing, unknown or has no effect; DataError where weights do not fit.
 */
export function startFrom(
  { from, map }: { readonly from: string } & Pick<TrainConfig, 'map'>,
  network: Network,
  description: Pick<NetworkDescription, 'classes' | 'regions' | 'volumes'>,
): string {
  const start = `weights start from ${from}`;
  if (!isFile(from)) {
    if (map !== undefined) throw new ConfigError('map has no effect: `from` is a run', 'leave it out');
    return [start, ...logitsNote(transferWeights(openRunFolder(from), network, description))].join('; ');
  }
  refusePickle(from);
  if (map === undefined)
    throw new ConfigError(
      `from: ${from} is a file, whose names need a map`,
      `add map=<file.yaml>, or one of ${builtInMapNames().join(', ')}`,
    );
  const file = openSafetensors(from);
  try {
    const names = outputNames(description);
    const done = transferForeign({ file, path: from }, findMap(map), network, names);
    const filled = `${done.filled} tensors by the map ${map}${done.unfilled > 0 ? `, ${done.unfilled} start anew` : ''}`;
    const inputs = done.inputs === undefined ? [] : [done.inputs];
    return [`${start}: ${filled}`, ...inputs, ...(done.kept.length > 0 ? logitsNote(done) : [])].join('; ');
  } finally {
    file.close();
  }
}

/** What became of the logits, where not all of them were taken. */
function logitsNote({ kept, fresh }: Transfer): string[] {
  if (fresh.length === 0) return [];
  const known = kept.length === 0 ? 'no class has the name of one there' : `${listNames(kept)} keep theirs`;
  return [`the logits of ${listNames(fresh)} start anew, ${known}`];
}

/** The map of a name or a file; a file has precedence where it has the name of a built-in one. */
function findMap(map: string): WeightMap {
  return existsSync(map) ? loadWeightMap(map) : (builtInMap(map) ?? refuseUnknownMap(map));
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === false;

/** What `torch.save` writes is a program. */
function refusePickle(path: string): void {
  if (!/\.(pth?|bin|ckpt|tar)$/i.test(path)) return;
  throw new ConfigError(
    `from: ${path} is a pickle of PyTorch, which is a program and is not run`,
    'convert it to safetensors, which takes five lines of Python: see docs/weights.md',
  );
}
