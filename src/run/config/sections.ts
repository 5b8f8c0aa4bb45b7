/**
 * @file The settings in the order in which a person looks for them: the few that matter first, the rest by what they are about.
 */
import type { z } from 'zod';
import { describeConfig } from './config.ts';

/** One setting as help shows it. */
export type DescribedSetting = ReturnType<typeof describeConfig>[number];

/** Settings that belong together. */
export interface SettingSection {
  readonly title: string;
  readonly settings: readonly DescribedSetting[];
}

/** Of the commands with many settings, those that people change first, in the order of help. */
const MAIN: Readonly<Record<string, readonly string[]>> = {
  search: [
    ...['data', 'preset', 'method', 'name', 'epochs', 'warmup', 'batch', 'crop', 'scale', 'layers', 'filters'],
    ...['width', 'budget.memory', 'trials', 'seed', 'device', 'threads'],
  ],
  train: [
    ...['data', 'arch', 'preset', 'name', 'epochs', 'steps', 'minutes', 'batch', 'crop', 'scale', 'filters'],
    ...['learningRate', 'warmup', 'from', 'budget.multiplyAdds', 'seed', 'device', 'threads'],
  ],
};

/** What sections are called, and the keys in them; the first that fits holds. */
const SECTIONS: readonly (readonly [string, RegExp])[] = [
  [
    'run',
    /^(preset|name|runs|run|output|format|checkpoint|seed|device|threads|processes|workers|checkpointMinutes|memory|precision|weights|calibration|syncNorms|perProcess|license)$/,
  ],
  ['data', /^(data|scale|longSide|crop|batch|classWeights|augmentation\..*|split.*|folds?|trainOn|heldOut)$/],
  [
    'network',
    /^(arch|archs|method|layers|levels|width|filters|blocks|stem|stemFilters|atrous|cellWeights|affineNorms|norms?|norm\..*|decoder\..*|aspp\..*|from)$/,
  ],
  ['budget of the network', /^(budget|budget\..*|size|target|multiplyAdds|trainFilters|measure.*)$/],
  [
    'search',
    /^(secondOrder|betaNormalisation|sampling|temperature|partialChannels|maximumSkipShare|architecture\..*|candidates|training)$/,
  ],
  ['trials', /^(trials|seeds|selection\..*)$/],
  [
    'evaluation and prediction',
    /^(evaluate.*|tta\..*|window|overlay|write|submission|normalise|result|postprocess|crf\..*)$/,
  ],
  ['optimisation', /./],
];

/** Settings that only volumes have: in their descriptions, or by what they are of. */
const isOfVolumes = ({ key, description }: DescribedSetting): boolean =>
  /^of volumes/.test(description) || key === 'overlap';

/** The settings that matter most of a command with many, or undefined for commands whose settings are all shown. */
export function mainSettings(command: string, schema: z.ZodObject): readonly DescribedSetting[] | undefined {
  if (!Object.hasOwn(MAIN, command)) return undefined;
  const all = describeConfig(schema);
  return MAIN[command].flatMap((key) => all.filter((setting) => setting.key === key));
}

/** Every setting of a schema in its section, volumes last; in a section in the order of the schema. */
export function settingSections(schema: z.ZodObject): readonly SettingSection[] {
  const all = describeConfig(schema);
  const titleOf = (setting: DescribedSetting) =>
    isOfVolumes(setting) ? 'volumes' : SECTIONS.find(([, keys]) => keys.test(setting.key))![0];
  return [...SECTIONS.map(([title]) => title), 'volumes']
    .map((title) => ({ title, settings: all.filter((setting) => titleOf(setting) === title) }))
    .filter(({ settings }) => settings.length > 0);
}
