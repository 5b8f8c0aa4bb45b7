/**
 * @file What `--help`, `help <command>` and `--version` print: every command in a line; of a command its settings, of those with many the few that
 * matter, and with `--all` the rest by what they are about.
 */
import type { z } from 'zod';
import { packageVersion } from '../engine/addon/locate.ts';
import { variantsOf } from '../run/config/config.ts';
import { type DescribedSetting, mainSettings, settingSections } from '../run/config/sections.ts';
import type { Command } from './command.ts';

/** Words that ask for help. */
export const HELP_WORDS: readonly string[] = ['--help', '-h', 'help'];

/** Words that ask for the version. */
export const VERSION_WORDS: readonly string[] = ['--version', '-V', '-v'];

/** The version as `--version` prints it. */
export const versionText = (): string => `espalier ${packageVersion()}`;

/** Every command in a line. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return [
    'espalier: search for a segmentation network, train it, measure it, ship it',
    '',
    ...lines,
    '',
    'espalier <command> --help     how a command is called, and its settings',
    'espalier <command> --dry-run  what it would take (auto, search, train, compare)',
    'espalier --version            the version',
  ].join('\n');
}

/**
 * How a command is called and what it can be set to.
 * @param all every setting, in sections, also where only some are shown first
 */
export function commandHelp({ name, summary, usage, settings }: Command, all: boolean): string {
  const variants = Object.entries(settings ? variantsOf(settings) : {});
  const known = new Set<string>();
  const sections = variants.flatMap(([variant, { schema, presets = {} }], index) => {
    const shown = settingsText(name, schema, all, index === 0 ? undefined : known);
    for (const { key, description } of settingSections(schema).flatMap((section) => section.settings))
      known.add(`${key} ${description}`);
    return [
      ...(variant === '' ? [] : ['', `${settings?.variants?.key}=${variant}${index > 0 ? ', where it differs' : ''}`]),
      ...shown,
      ...(Object.keys(presets).length > 0 ? ['', `  presets: ${Object.keys(presets).join(', ')}`] : []),
    ];
  });
  const hidden = !all && variants.some(([, { schema }]) => mainSettings(name, schema) !== undefined);
  return [
    summary,
    '',
    `  espalier ${usage}`,
    ...sections,
    ...(hidden ? ['', `espalier ${name} --help --all shows every setting`] : []),
  ].join('\n');
}

/** @param but settings that were shown before, as `key description` */
function settingsText(command: string, schema: z.ZodObject, all: boolean, but?: ReadonlySet<string>): string[] {
  const isNew = ({ key, description }: DescribedSetting) => !but?.has(`${key} ${description}`);
  const some = all ? undefined : mainSettings(command, schema);
  const sections = some ? [{ title: '', settings: some }] : settingSections(schema);
  const shown = sections
    .map(({ title, settings }) => ({ title, settings: settings.filter(isNew) }))
    .filter(({ settings }) => settings.length > 0);
  const width = Math.max(0, ...shown.flatMap(({ settings }) => settings.map(({ key }) => key.length)));
  return shown.flatMap(({ title, settings }) => [
    '',
    ...(title === '' || shown.length === 1 ? [] : [`${title}:`]),
    ...settings.map((setting) => settingLine(setting, width)),
  ]);
}

const settingLine = ({ key, description, expected, default: value }: DescribedSetting, width: number): string =>
  `  ${key.padEnd(width)}  ${description} (${expected}${value === undefined ? '' : `; default ${JSON.stringify(value)}`})`;
