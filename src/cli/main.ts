#!/usr/bin/env node
/**
 * @file The command line: finds the command, runs it, and turns what goes wrong into one line and an exit code.
 */
import type { z } from 'zod';
import { ConfigError, EspalierError } from '../base/errors.ts';
import { survivePipes } from '../base/streams.ts';
import { suggest } from '../base/text.ts';
import { describeConfig, variantsOf } from '../run/config/config.ts';
import type { Command } from './command.ts';
import { COMMANDS } from './commands.ts';
import { ensureEngine } from './setup.ts';

function help(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return [
    'espalier: search for a segmentation network, train it, measure it, ship it',
    '',
    ...lines,
    '',
    'espalier <command> --help names its settings',
  ].join('\n');
}

function commandHelp({ summary, usage, settings }: Command): string {
  const sections = Object.entries(settings ? variantsOf(settings) : {}).map(([name, { schema, presets = {} }]) => [
    ...(name === '' ? [] : ['', `${settings?.variants?.key}=${name}`]),
    ...settingLines(schema),
    ...(Object.keys(presets).length > 0 ? ['', `presets: ${Object.keys(presets).join(', ')}`] : []),
  ]);
  return [summary, '', `  espalier ${usage}`, '', ...sections.flat()].join('\n');
}

function settingLines(schema: z.ZodObject): string[] {
  const rows = describeConfig(schema);
  const width = Math.max(0, ...rows.map(({ key }) => key.length));
  return rows.map(
    ({ key, description, expected, default: value }) =>
      `  ${key.padEnd(width)}  ${description} (${expected}${value === undefined ? '' : `; default ${JSON.stringify(value)}`})`,
  );
}

async function main(words: readonly string[]): Promise<void> {
  const [name, ...rest] = words;
  if (name === undefined || name === '--help' || name === 'help') {
    process.stdout.write(`${help()}\n`);
    return;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (!command) {
    throw new ConfigError(
      `unknown command "${name}"`,
      suggest(
        name,
        COMMANDS.map((candidate) => candidate.name),
      ),
    );
  }
  // Behind a lone -- stands another command.
  if (rest.slice(0, rest.includes('--') ? rest.indexOf('--') : undefined).includes('--help')) {
    process.stdout.write(`${commandHelp(command)}\n`);
    return;
  }
  if (command.needsEngine?.(rest)) ensureEngine();
  await command.run(rest);
}

survivePipes();
main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof EspalierError) process.stderr.write(`espalier: ${error.message}\n`);
  else process.stderr.write(`${(error as Error).stack ?? error}\n`);
  // A stopped command has set the code of its signal.
  process.exitCode ??= error instanceof ConfigError ? 2 : 1;
});
