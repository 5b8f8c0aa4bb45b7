#!/usr/bin/env node
/**
 * @file The command line: finds the command, runs it, and turns what goes wrong into one line and an exit code.
 */
import { ConfigError, EspalierError } from '../base/errors.ts';
import { survivePipes } from '../base/streams.ts';
import { suggest } from '../base/text.ts';
import type { Command } from './command.ts';
import { COMMANDS } from './commands.ts';
import { commandHelp, HELP_WORDS, overview, VERSION_WORDS, versionText } from './help.ts';
import { ensureEngine } from './setup.ts';

async function main(words: readonly string[]): Promise<void> {
  const [name, ...rest] = words;
  if (name !== undefined && VERSION_WORDS.includes(name)) return print(versionText());
  if (name === undefined || HELP_WORDS.includes(name)) {
    const about = rest.find((word) => !word.startsWith('-'));
    return print(about === undefined ? overview(COMMANDS) : commandHelp(commandCalled(about), rest.includes('--all')));
  }
  const command = commandCalled(name);
  // After a lone -- stands another command.
  const own = rest.slice(0, rest.includes('--') ? rest.indexOf('--') : undefined);
  if (own.includes('--help') || own.includes('-h')) return print(commandHelp(command, own.includes('--all')));
  if (command.needsEngine?.(rest)) ensureEngine();
  await command.run(rest);
}

/** @throws ConfigError that names those with a similar name. */
function commandCalled(name: string): Command {
  const found = COMMANDS.find((command) => command.name === name);
  if (found) return found;
  const names = COMMANDS.map((command) => command.name);
  throw new ConfigError(`unknown command "${name}"`, `${suggest(name, names)} espalier --help lists them all`);
}

const print = (text: string): void => void process.stdout.write(`${text}\n`);

survivePipes();
main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof EspalierError) process.stderr.write(`espalier: ${error.message}\n`);
  else process.stderr.write(`${(error as Error).stack ?? error}\n`);
  // A stopped command has set the code of its signal.
  process.exitCode ??= error instanceof ConfigError ? 2 : 1;
});
