/**
 * @file `espalier compare`: architectures trained under one budget, in one table and one drawing.
 */
import { isDeepStrictEqual } from 'node:util';
import { compareJob } from '../jobs/many/compare.ts';
import { dryRunCompare } from '../jobs/many/dryRun.ts';
import { flatten, parseConfig, textKeys } from '../run/config/config.ts';
import { settings } from '../run/config/presets.ts';
import type { CompareConfig } from '../run/config/schemas/compare.ts';
import { refuseUnused, unusedInCrf } from '../run/config/unused.ts';
import { type Command, printDryRunOfMany, printJson, readLayers, stoppable, watchRun } from './command.ts';
import { shortPath } from './nextStep.ts';

/** Here `budget` is what a training may take, and `budget.multiplyAdds` and so on what its network may cost: the latter under a name of its own. */
const NETWORK_BUDGET = 'networkBudget';

const renamed = (word: string): string => word.replace(/^(--)?budget\.(?=\w)/, `$1${NETWORK_BUDGET}.`);

/** The settings of the CRF that are not the default ones: the file of a comparison, from which it runs again, holds all. */
function changedCrf({ crf, archs, budget }: CompareConfig): Set<string> {
  const plain = flatten(parseConfig(settings.compare, [{ archs, budget }]).crf, 'crf.');
  const own = [...flatten(crf, 'crf.')];
  return new Set(own.flatMap(([key, value]) => (isDeepStrictEqual(value, plain.get(key)) ? [] : [key])));
}

export const compareCommand: Command = {
  name: 'compare',
  summary: 'train architectures under one budget and compare them',
  usage:
    'compare data=<folder|yaml> archs=<file|run|name>,... budget=<400steps|15min> [budget.multiplyAdds=0.5e9] [seeds=2] [postprocess=crf] [preset=small] [key=value of train ...] [--dry-run] [--json]',
  settings: settings.compare,
  needsEngine: () => true,
  async run(words) {
    const texts = [settings.compare, settings.train].flatMap(({ schema }) => textKeys(schema));
    const { layers, flags, given } = readLayers(words.map(renamed), texts, ['json', 'dry-run'], 'train', renamed);
    const own = Object.keys(settings.compare.schema.shape);
    // Of volumes the trainings have a step of their own under the same name.
    const isOwn = ([key, value]: [string, unknown]) =>
      own.includes(key.split('.')[0]) && !(key === 'postprocess' && value === 'largest-component');
    /** Of every layer what is the comparison's own, or what is passed to the trainings. */
    const pick = (wanted: boolean) =>
      layers.map((layer) =>
        Object.fromEntries(
          Object.entries(layer)
            .filter((entry) => isOwn(entry) === wanted)
            .map(([key, value]) => [key === NETWORK_BUDGET ? 'budget' : key, value]),
        ),
      );
    const config = parseConfig(settings.compare, pick(true));
    refuseUnused(changedCrf(config), unusedInCrf(config.postprocess, config.crf));
    if (flags.dryRun) return printDryRunOfMany(await dryRunCompare(config, pick(false)), flags.json);
    const watcher = watchRun('compare');
    const compare = (signal: AbortSignal) => compareJob(config, pick(false), watcher, signal, given);
    const { folder, architectures, table } = await stoppable(compare).finally(watcher.finish);
    if (flags.json) printJson({ folder, architectures });
    else process.stdout.write(`${table}\n${shortPath(folder)}/comparison.{md,csv,svg}\n`);
  },
};
