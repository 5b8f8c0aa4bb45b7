/**
 * @file Settings of a search or training that have no effect with these data or beside its other settings: they are refused before it begins. What a preset
 * brings is not given by anybody, and passes.
 */
import { isDeepStrictEqual } from 'node:util';
import { flatten, type Layer, parseConfig, type Settings } from '../../run/config/config.ts';
import { refuseUnused, type UnusedSettings } from '../../run/config/unused.ts';

/** Settings that hold for one rank of data only. */
const VOLUMES = [
  'augmentation.rotation',
  'augmentation.zoom',
  'augmentation.intensity',
  'foregroundShare',
  'preparation.spacingMm',
  'preparation.normalisation',
  'preparation.cropForeground',
  'overlap',
  'toleranceMm',
  'postprocess',
];
const IMAGES = [
  'augmentation.scale',
  'augmentation.step',
  'augmentation.colour',
  'augmentation.turns',
  'scale',
  'longSide',
  'distillation.images',
];

/** Settings of a learning rate that only some schedules read. */
const SCHEDULED = {
  minimumLearningRate: ['poly', 'cosine'],
  power: ['poly'],
  milestones: ['steps'],
  factor: ['steps'],
};

/** @throws ConfigError that names the first setting which was given and has no effect on data of this rank. */
export function refuseUnusedSettings(all: Settings, config: object, rank: 2 | 3): void {
  const given = changedKeys(all, config as Layer);
  refuseUnused(given, unusedSettings(flatten(config as Layer), rank));
}

/** The keys whose values are not those that the preset, or the default, would give. */
function changedKeys(all: Settings, config: Layer): Set<string> {
  const required = Object.fromEntries(['data', 'arch', 'method', 'preset'].map((key) => [key, config[key]]));
  const [own, plain] = [config, parseConfig(all, [required]) as Layer].map((layer) => flatten(layer));
  return new Set([...own.keys()].filter((key) => !isDeepStrictEqual(own.get(key), plain.get(key))));
}

/** What has no effect, and why. */
function unusedSettings(values: ReadonlyMap<string, unknown>, rank: 2 | 3): UnusedSettings[] {
  const unused: UnusedSettings[] = [
    rank === 2 ? { keys: VOLUMES, because: 'the data are images' } : { keys: IMAGES, because: 'the data are volumes' },
  ];
  for (const group of ['', 'weights.']) {
    const schedule = values.get(`${group}schedule`);
    for (const [key, schedules] of Object.entries(SCHEDULED))
      if (schedule !== undefined && !schedules.includes(String(schedule)))
        unused.push({
          keys: [group + key],
          because: `${group}schedule is ${schedule}`,
          instead: `set ${group}schedule=${schedules.join(' or ')}`,
        });
  }
  if (values.get('optimizer') === 'adamw')
    unused.push({ keys: ['momentum'], because: 'optimizer is adamw', instead: 'set optimizer=sgd' });
  if (values.get('sampling') === 'none')
    unused.push({ keys: ['temperature'], because: 'sampling is none', instead: 'set sampling=gumbel' });
  if (values.has('distillation.weight') && values.get('teacher') === undefined)
    unused.push({
      keys: [...values.keys()].filter((key) => key.startsWith('distillation.')),
      because: 'there is no teacher',
      instead: 'set teacher too',
    });
  const limits = [...values].some(([key, value]) => /^budget\.(?!memory$)/.test(key) && value !== undefined);
  if (!limits)
    unused.push({
      keys: ['trainFilters', ...(values.has('arch') ? ['size'] : [])],
      because: 'there is no budget',
      instead: 'set one, such as budget.multiplyAdds',
    });
  return unused;
}
