#!/usr/bin/env node
/**
 * @file The command line: finds the command, runs it, and turns what goes wrong into one line and an exit code.
 */
import { ConfigError, EspalierError } from '../base/errors.ts';
import { suggest } from '../base/text.ts';
import type { Command } from './command.ts';
import { searchCommand } from './search.ts';
import { trainCommand } from './train.ts';

const COMMANDS: readonly Command[] = [searchCommand, trainCommand];

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
  await command.run(rest);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof EspalierError) process.stderr.write(`espalier: ${error.message}\n`);
  else process.stderr.write(`${(error as Error).stack ?? error}\n`);
  process.exitCode = error instanceof ConfigError ? 2 : 1;
});
