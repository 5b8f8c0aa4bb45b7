/** @file The command lines in the documents: each command exists and takes each of its settings, presets and flags. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { configKeys, type Settings, variantsOf } from '../../src/run/config/config.ts';
import { settings } from '../../src/run/config/presets.ts';

const root = resolve(import.meta.dirname, '..', '..');
const PAGES = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];
/** What every command takes beside its settings. */
const COMMON = ['config'];
/** Settings that a command passes on to others. */
const PASSED_ON: Readonly<Record<string, Settings[]>> = { compare: [settings.train], search: [settings.auto] };

/** Lines of code blocks that start `espalier`, joined where they end in a backslash, without what explains them. */
function commandLines(page: string): string[] {
  const blocks = [...readFileSync(join(root, page), 'utf8').matchAll(/^```[^\n]*\n([\s\S]*?)^```/gm)];
  return blocks
    .flatMap(([, block]) => block.replaceAll(/\\\n\s*/g, ' ').split('\n'))
    .filter((line) => /^espalier \S/.test(line))
    .map((line) => line.replace(/ #.*| {3,}.*| >.*/, ''));
}

function settingsOfCommand(name: string): Settings[] {
  const own = COMMANDS.find((command) => command.name === name)?.settings;
  return [...(own ? Object.values(variantsOf(own)) : []), ...(PASSED_ON[name] ?? [])];
}

/** What is wrong with a line; nothing where it could run. */
function faultsOf(line: string): string[] {
  const [command, ...words] = line.split(/\s+/).slice(1);
  if (!COMMANDS.some(({ name }) => name === command)) return [`no command ${command}`];
  const nested = words.indexOf('--');
  const own = nested < 0 ? words : words.slice(0, nested);
  const all = settingsOfCommand(command);
  const keys = new Set([...COMMON, ...all.flatMap(({ schema }) => configKeys(schema))]);
  const faults = own.flatMap((word) => {
    const key = /^([a-zA-Z][\w.]*)=/.exec(word)?.[1];
    if (key === undefined) return [];
    const isKnown = keys.has(key) || [...keys].some((known) => key.startsWith(`${known}.`));
    if (!isKnown) return [`${command} takes no ${key}`];
    const preset = key === 'preset' ? word.slice('preset='.length) : '';
    const presets = new Set(all.flatMap((each) => Object.keys(each.presets ?? {})));
    return /^[\w-]+$/.test(preset) && !presets.has(preset) ? [`${command} has no preset ${preset}`] : [];
  });
  return nested < 0 ? faults : [...faults, ...faultsOf(`espalier ${words.slice(nested + 1).join(' ')}`)];
}

describe('the command lines of', () => {
  it.each(PAGES)('%s', (page) => {
    const lines = commandLines(page);
    expect(lines.flatMap((line) => faultsOf(line).map((fault) => `${fault}: ${line}`))).toEqual([]);
  });
});

it('are many', () => {
  expect(PAGES.flatMap(commandLines).length).toBeGreaterThan(40);
});

it('README and start begin with auto for an own folder', () => {
  for (const page of ['README.md', 'docs/start.md']) expect(commandLines(page)[0]).toMatch(/^espalier auto data=/);
});

it('finds a line that cannot run', () => {
  expect(faultsOf('espalier sreach data=street')).toEqual(['no command sreach']);
  expect(faultsOf('espalier search data=street arch=unet')).toEqual(['search takes no arch']);
  expect(faultsOf('espalier train data=street preset=tiny')).toEqual(['train has no preset tiny']);
  expect(faultsOf('espalier launch processes=2 -- search dta=street')).toEqual(['search takes no dta']);
});

it('JavaScript on the pages imports what there is', async () => {
  const entries: Readonly<Record<string, object>> = {
    espalier: await import('../../src/index.ts'),
    // By a path that the compiler does not follow: its types are those of browsers.
    'espalier/browser': (await import(join(root, 'src', 'browser', 'index.ts'))) as object,
  };
  const imports = PAGES.flatMap((page) =>
    [...readFileSync(join(root, page), 'utf8').matchAll(/import \{([^}]+)\} from '(espalier[^']*)'/g)].map(
      ([, names, entry]) => ({ page, entry, names: names.split(',').map((name) => name.trim()) }),
    ),
  );
  expect(imports.length).toBeGreaterThan(3);
  for (const { page, entry, names } of imports)
    expect(Object.keys(entries[entry] ?? {}), page).toEqual(expect.arrayContaining(names));
});
