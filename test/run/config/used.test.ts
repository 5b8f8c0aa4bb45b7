/** @file Every setting of every command is read somewhere: a key that only its schema knows would be accepted and do nothing. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { COMMANDS } from '../../../src/cli/commands.ts';
import { configKeys, variantsOf } from '../../../src/run/config/config.ts';

const source = resolve(import.meta.dirname, '../../../src');
const code = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !/^run\/config\/(schemas|presets)\.ts$/.test(name))
  .map((name) => readFileSync(join(source, name), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, ''))
  .join('\n');

/** Whether some code reads a property of that name: `x.name`, `x['name']` or a list of names, or `{ name }`, `{ name: other }`, `{ name = value }` of a pattern. */
const isRead = (name: string): boolean =>
  new RegExp(`\\.${name}\\b|'${name}'|[{,]\\s*${name}\\s*(?:=[^=>]|:\\s*\\w+\\s*[,}=]|[,}])`).test(code);

it.each(COMMANDS.filter(({ settings }) => settings).map(({ name, settings }) => [name, settings!] as const))(
  '%s reads each of its settings',
  (_, settings) => {
    for (const { schema } of Object.values(variantsOf(settings)))
      expect(configKeys(schema).filter((key) => !isRead(key.split('.').at(-1)!))).toEqual([]);
    expect(isRead('aSettingThatNobodyReads')).toBe(false);
  },
);
