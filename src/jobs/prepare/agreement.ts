/**
 * @file What the processes of one run must have in common before they begin: the same settings, and the same data. The run folder is that of rank 0
 * alone; the others need not see it.
 */
import { createHash } from 'node:crypto';
import { ConfigError, DataError } from '../../base/errors.ts';
import { fileSizes } from '../../data/sampleFiles.ts';
import type { DataSet } from '../../data/types.ts';
import type { Parallel } from '../../parallel/parallel.ts';
import { type ConfigOf, formatConfig, type Layer, parseConfig, type Settings } from '../../run/config/config.ts';
import { type PlannedRun, planRun, type RunRequest } from '../../run/openRun.ts';

/**
 * The settings that hold on every rank. A resumed run has those that rank 0 finds in its folder.
 * @throws ConfigError on every rank, naming the first setting that differs.
 */
export async function planTogether<Of extends Settings>(
  command: string,
  settings: Of,
  request: RunRequest,
  parallel: Parallel,
): Promise<PlannedRun<ConfigOf<Of>>> {
  if (parallel.size === 1) return planRun(command, settings, request);
  const planned = request.resume && parallel.rank > 0 ? null : planRun(command, settings, request);
  const wanted = request.resume ? { resume: true, ...Object.assign({}, ...request.layers) } : planned?.config;
  requireSameCommand(await parallel.gather(formatConfig(wanted as Layer)));
  const [config] = await parallel.gather(planned?.config);
  return planned ?? { config: parseConfig(settings, [config as Layer]), folder: null };
}

/** Throws where the settings of the ranks differ. */
function requireSameCommand(texts: readonly string[]): void {
  const rank = texts.findIndex((text) => text !== texts[0]);
  if (rank < 0) return;
  const [expected, got] = [texts[0], texts[rank]].map((text) => text.trimEnd().split('\n'));
  const line = [...expected, ''].findIndex((text, i) => text !== (got[i] ?? ''));
  const say = (lines: readonly string[]) => (lines[line] ?? 'nothing').trim();
  throw new ConfigError(
    `rank ${rank} was started with "${say(got)}", rank 0 with "${say(expected)}"`,
    'start every rank with the same command',
  );
}

/** @throws DataError on every rank where one sees other data: other samples, classes, or files of other sizes. */
export async function requireSameData(dataset: DataSet, parallel: Parallel): Promise<void> {
  if (parallel.size === 1) return;
  const prints = await parallel.gather(fingerprint(dataset));
  const rank = prints.findIndex(({ hash }) => hash !== prints[0].hash);
  if (rank < 0) return;
  throw new DataError(
    `rank ${rank} sees other data than rank 0: ${prints[rank].words} there, ${prints[0].words} here`,
    'every rank needs the same data set: check its copy with espalier data check',
  );
}

/** Samples, classes and the sizes of files; their paths may differ from machine to machine. */
function fingerprint({ classes, regions, labelMap, splits }: DataSet): { hash: string; words: string } {
  const hash = createHash('sha256').update(JSON.stringify([classes, regions, labelMap]));
  let bytes = 0;
  for (const [name, samples] of Object.entries(splits)) {
    hash.update(name);
    for (const sample of samples) {
      const sizes = fileSizes(sample);
      for (const size of sizes) bytes += size;
      hash.update(JSON.stringify([sample.id, sizes]));
    }
  }
  return { hash: hash.digest('hex'), words: `${splits.train.length} + ${splits.val.length} samples in ${bytes} bytes` };
}
