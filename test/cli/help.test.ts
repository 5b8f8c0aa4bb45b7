/** @file What the command line says about itself: help in every spelling, the version, the settings that matter and all of them. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { commandHelp } from '../../src/cli/help.ts';
import { configKeys, variantsOf } from '../../src/run/config/config.ts';
import { mainSettings, settingSections } from '../../src/run/config/sections.ts';
import { runCommand } from '../helpers/cli.ts';

const espalier = (...words: string[]) => runCommand(process.cwd(), words);
const helpOf = (name: string, all = false) => commandHelp(COMMANDS.find((command) => command.name === name)!, all);

describe('help', () => {
  it('is the same however it is asked for', () => {
    const [overview, ...others] = [['--help'], ['-h'], ['help'], []].map((words) => espalier(...words));
    expect(overview.code).toBe(0);
    for (const { name, summary } of COMMANDS)
      expect(overview.out).toMatch(new RegExp(`^ {2}${name} +${summary.slice(0, 20)}`, 'm'));
    for (const other of others) expect(other).toEqual(overview);
    const [train, ...sameTrain] = [
      ['train', '--help'],
      ['train', '-h'],
      ['help', 'train'],
    ].map((w) => espalier(...w));
    expect(train.out).toBe(`${helpOf('train')}\n`);
    for (const other of sameTrain) expect(other).toEqual(train);
    expect(espalier('help', 'train', '--all').out).toBe(`${helpOf('train', true)}\n`);
    expect(espalier('help', 'trian')).toMatchObject({ code: 2, error: expect.stringContaining('"train"') });
  });

  it('is of the command before a lone --', () => {
    expect(espalier('launch', '-h', '--', 'search').out).toContain('espalier launch');
  });

  it('gives the version', () => {
    const { version } = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../package.json'), 'utf8'));
    for (const word of ['--version', '-V', '-v'])
      expect(espalier(word)).toMatchObject({ code: 0, out: `espalier ${version}\n` });
  });
});

const variants = COMMANDS.flatMap(({ name, settings }) =>
  settings ? Object.entries(variantsOf(settings)).map(([variant, { schema }]) => ({ name, variant, schema })) : [],
);

describe('settings in help', () => {
  it.each(variants)('of $name $variant are in one section each, volumes last', ({ schema }) => {
    const sections = settingSections(schema);
    const keys = sections.flatMap(({ settings }) => settings.map(({ key }) => key));
    expect([...keys].sort()).toEqual([...configKeys(schema)].sort());
    const volumes = sections.filter(({ title }) => title === 'volumes');
    expect(volumes.every((section) => section === sections.at(-1))).toBe(true);
    for (const { title, settings } of sections)
      for (const { description, key } of settings)
        if (/^of volumes/.test(description)) expect(title, key).toBe('volumes');
  });

  it.each(['search', 'train'])('of %s are about a dozen first, and all with --all', (name) => {
    const shown = helpOf(name)
      .split('\n')
      .filter((line) => /^ {2}[\w.]+ {2}/.test(line));
    expect(shown.length).toBeLessThan(22);
    expect(helpOf(name)).toContain(`espalier ${name} --help --all`);
    const all = helpOf(name, true);
    for (const { name: command, schema } of variants)
      if (command === name) for (const key of configKeys(schema)) expect(all).toContain(`\n  ${key} `);
    expect(all).toContain('\nvolumes:\n');
  });

  it('has no main setting that a command does not know', () => {
    for (const name of ['search', 'train']) {
      const own = variants.filter((variant) => variant.name === name);
      const shown = new Set(own.flatMap(({ schema }) => mainSettings(name, schema)!.map(({ key }) => key)));
      expect(shown.has('data') && shown.has('preset') && shown.size > 11).toBe(true);
    }
    expect(mainSettings('ui', variants[0].schema)).toBeUndefined();
  });
});
