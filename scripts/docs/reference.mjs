/**
 * @file The pages of commands and settings as Markdown, from the definitions that the command line itself runs on: they cannot be out of date.
 */
import { COMMANDS } from '../../dist/cli/commands.js';
import { describeConfig, formatConfig, variantsOf } from '../../dist/run/config/config.js';

/** Every command: what it does, how it is called, its settings in short. */
export const commandsPage = () =>
  [
    '# Commands',
    '',
    'Settings are given as `key=value` or `--key value`. `config=<file>` takes them from a YAML file; the command line wins over the file, the file over the preset. Lists are written `[240, 320]`, `240,320` or, of numbers, `240x320`. `espalier <command> --help` (or `-h`, or `espalier help <command>`) prints the same in the terminal: of `search` and `train` the settings that matter most, with `--all` every one.',
    '',
    table(
      ['command', 'what it does'],
      COMMANDS.map(({ name, summary }) => [`[\`${name}\`](#${name})`, escaped(summary)]),
    ),
    '',
    ...COMMANDS.flatMap(commandSection),
    '## Exit codes',
    '',
    '0: done. 1: it failed, with one line that says why. 2: a setting is wrong. 130 and 143: stopped by Ctrl-C or a plain kill; everything is saved.',
    '',
  ].join('\n');

function commandSection({ name, summary, usage, settings }) {
  const own = settings ? describeConfig(settings.schema).length : 0;
  const where = LONG.includes(name)
    ? [`Its ${own} settings: [${name}](./settings.md#${name}).`, '']
    : settingTables(settings, 3);
  return [`## ${name}`, '', `${capital(escaped(summary))}.`, '', '```', `espalier ${usage}`, '```', '', ...where];
}

/** Commands whose settings have a page of their own. */
const LONG = ['auto', 'search', 'train', 'compare', 'evaluate', 'predict', 'export'];

/** Every setting of the commands that have many, with what it expects, its default, and the presets. */
export const settingsPage = () =>
  [
    '# Settings',
    '',
    'Keys with a dot are groups: `weights.decay=0` on the command line, `weights: {decay: 0}` in a file. An unknown key is refused, and the three nearest valid ones named. Every run stores the settings that it was made with in `config.yaml`, from which it runs again.',
    '',
    ...COMMANDS.filter(({ name }) => LONG.includes(name)).flatMap(({ name, settings }) => [
      `## ${name}`,
      '',
      ...settingTables(settings, 3),
    ]),
  ].join('\n');

function settingTables(settings, depth) {
  if (!settings) return [];
  return Object.entries(variantsOf(settings)).flatMap(([variant, { schema, presets = {} }]) => [
    ...(variant === '' ? [] : [`${'#'.repeat(depth)} ${settings.variants.key}=${variant}`, '']),
    table(
      ['key', 'what it does', 'expected', 'default'],
      describeConfig(schema).map(({ key, description, expected, default: value }) => [
        `\`${key}\``,
        escaped(description),
        escaped(expected),
        value === undefined ? '' : `\`${JSON.stringify(value)}\``,
      ]),
    ),
    '',
    ...Object.entries(presets).flatMap(([name, preset]) => [
      `**preset=${name}**`,
      '',
      '```yaml',
      formatConfig(preset).trimEnd(),
      '```',
      '',
    ]),
  ]);
}

const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** Plain text in a table of Markdown that is also a template of Vue. */
const escaped = (text) =>
  text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/\|/g, '\\|')
    .replace(/\{/g, '&#123;')
    .replace(/([*_])/g, '\\$1');
