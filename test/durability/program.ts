/** @file The command line as a child process that can be killed, and what must be readable in its run folder whenever it was. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { decodePng } from '../../src/data/images/png.ts';
import { hasCheckpoint, loadCheckpoint } from '../../src/run/checkpoint.ts';
import { parseConfigText } from '../../src/run/config/config.ts';
import type { RunEvent } from '../../src/run/events.ts';
import { listRunFolders, openRunFolder } from '../../src/run/folder.ts';
import { loadReportData } from '../../src/run/report/data.ts';
import { readResults } from '../../src/run/results.ts';
import { parseGenotype } from '../../src/space/genotype.ts';
import { MAIN } from '../helpers/cli.ts';

const faults = pathToFileURL(join(import.meta.dirname, 'faults.mjs')).href;

/** How a child came to its end. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly error: string;
}

/** Starts the command line in `cwd`; `fault` is as in `faults.mjs`. */
export function start(cwd: string, words: readonly string[], options: { fault?: string; count?: string } = {}) {
  const { fault = '', count } = options;
  const env = { ...process.env, ESPALIER_FAULT: fault, ...(count ? { ESPALIER_FAULT_COUNT: count } : {}) };
  const child = spawn(process.execPath, ['--import', faults, MAIN, ...words], { cwd, env });
  let out = '';
  let error = '';
  child.stdout.on('data', (part) => {
    out += part;
  });
  child.stderr.on('data', (part) => {
    error += part;
  });
  const ended = once(child, 'close').then(([code, signal]): Ended => ({ code, signal, out, error }));
  return { child, ended };
}

/** Runs the command line to its end. */
export const run = (cwd: string, words: readonly string[], options: { fault?: string; count?: string } = {}) =>
  start(cwd, words, options).ended;

/** Reads everything in a run folder as the product does, and returns its events; throws where something cannot be read. */
export function readWhole(runs: string, command: string, name: string): readonly RunEvent[] {
  if (!listRunFolders(runs).some((folder) => folder.command === command && folder.name === name)) return [];
  const folder = openRunFolder(join(runs, command, name));
  if (existsSync(folder.config)) parseConfigText(readFileSync(folder.config, 'utf8'), folder.config);
  for (const place of [folder.last, folder.best]) if (hasCheckpoint(place)) loadCheckpoint(place);
  readResults(folder.results);
  if (existsSync(folder.genotype)) parseGenotype(readFileSync(folder.genotype, 'utf8'), folder.genotype);
  for (const file of [folder.architecture, join(folder.path, 'network.json')])
    if (existsSync(file)) JSON.parse(readFileSync(file, 'utf8'));
  for (const picture of readdirSync(folder.samples).filter((file) => !file.startsWith('.')))
    decodePng(readFileSync(join(folder.samples, picture)), picture);
  if (existsSync(folder.confusionPicture)) decodePng(readFileSync(folder.confusionPicture), folder.confusionPicture);
  return existsSync(folder.events) ? loadReportData(folder).events : [];
}
