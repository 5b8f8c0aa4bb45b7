/**
 * @file `espalier setup`: makes the engine ready on this machine. Commands that need the engine call `ensureEngine` first.
 */
import { z } from 'zod';
import { type ReadyEngine, setUpEngine } from '../engine/addon/setup.ts';
import { loadAddon } from '../engine/native.ts';
import { type Command, printJson, readSettings } from './command.ts';

const setupSettings = {
  schema: z.strictObject({
    install: z
      .boolean()
      .default(true)
      .meta({ expected: 'true or false', description: 'install missing system packages, where this user may' }),
  }),
};

export const setupCommand: Command = {
  name: 'setup',
  summary: 'find or build the engine for this machine',
  usage: 'setup [install=false] [--json]',
  settings: setupSettings,
  async run(words) {
    const { config, flags } = readSettings(setupSettings, words, ['json']);
    const engine = setUpEngine({ ...config, say });
    if (flags.json) printJson(engine);
    else process.stdout.write(describe(engine));
  },
};

const ORIGINS: Record<ReadyEngine['origin'], string> = {
  built: 'built now',
  cache: 'built before',
  clone: 'up to date',
  prebuilt: 'prebuilt, part of the package',
  ESPALIER_ADDON: 'given by ESPALIER_ADDON',
};

const describe = ({ libtorch, origin, file }: ReadyEngine): string =>
  `libtorch  ${libtorch}\naddon     ${ORIGINS[origin]}\nready     ${file}\n`;

const say = (text: string): void => void process.stderr.write(`espalier setup: ${text}\n`);

/** Loads the engine before a command that needs it; builds it first where that takes no system packages. @throws EngineError with the command to run. */
export function ensureEngine(): void {
  try {
    loadAddon();
  } catch {
    setUpEngine({ install: false, say });
  }
}
