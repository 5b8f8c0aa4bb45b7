/**
 * @file Makes the engine ready on this machine: an addon that loads, taken as it is where there is one, else built for the libtorch that is found.
 * System packages are installed only on demand.
 */
import { spawnSync } from 'node:child_process';
import { EngineError } from '../../base/errors.ts';
import { loadAddon } from '../native.ts';
import { buildAddon, hasProgram, missingTools } from './build.ts';
import { findLibtorch, type Libtorch } from './libtorch.ts';
import { type AddonCandidate, isClone } from './locate.ts';

/** An engine that is ready. */
export interface ReadyEngine {
  readonly file: string;
  readonly origin: AddonCandidate['origin'] | 'built';
  /** Version of libtorch. */
  readonly libtorch: string;
}

/** libtorch with its headers, and those of Gloo for several processes. */
const LIBTORCH_PACKAGES = ['libtorch-dev', 'libgloo-dev'];

/**
 * Finds, builds and loads the addon.
 * @param install whether missing system packages may be installed, which needs root or sudo without a password; else an error names the command
 * @param say called before everything that takes time or changes the system
 * @throws EngineError with the exact command to run.
 */
export function setUpEngine({ install, say }: { install: boolean; say(text: string): void }): ReadyEngine {
  // A clone follows its sources; an installed package takes what loads.
  const ready = isClone() ? undefined : tryLoad();
  if (ready) return ready;
  provide(missingTools(), 'programs that build the addon are missing', install, say);
  const libtorch = findLibtorch() ?? installLibtorch(install, say);
  const loaded = isClone() ? undefined : tryLoad();
  if (loaded) return loaded;
  let built = false;
  buildAddon(libtorch, (text) => {
    built = true;
    say(text);
  });
  const { file, origin, addon } = loadAddon();
  return { file, origin: built ? 'built' : origin, libtorch: addon.about().version };
}

function tryLoad(): ReadyEngine | undefined {
  try {
    const { file, origin, addon } = loadAddon();
    return { file, origin, libtorch: addon.about().version };
  } catch {
    return undefined;
  }
}

function installLibtorch(install: boolean, say: (text: string) => void): Libtorch {
  provide(LIBTORCH_PACKAGES, 'no libtorch found', install, say);
  const libtorch = findLibtorch();
  if (libtorch) return libtorch;
  throw new EngineError('libtorch was installed but is not found', 'set LIBTORCH to its folder');
}

/** Installs Debian or Ubuntu packages; without the right to, says which. */
function provide(names: readonly string[], why: string, install: boolean, say: (text: string) => void): void {
  if (names.length === 0) return;
  const line = `apt-get install -y --no-install-recommends ${names.join(' ')}`;
  if (!hasProgram('apt-get'))
    throw new EngineError(
      `${why} (${names.join(', ')}), and this system has no apt-get`,
      'install cmake, make and g++, download libtorch from https://pytorch.org, and run: LIBTORCH=<its folder> npx espalier setup',
    );
  const isRoot = process.getuid?.() === 0;
  const mayInstall = isRoot || spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0;
  if (!install || !mayInstall)
    throw new EngineError(`${why} (${names.join(', ')})`, `run: ${isRoot ? '' : 'sudo '}${line} && npx espalier setup`);
  say(`${why}: installing ${names.join(', ')} with apt-get`);
  const apt = (...args: string[]): boolean => {
    const [command, ...rest] = [...(isRoot ? [] : ['sudo', '-n']), 'apt-get', ...args];
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    return spawnSync(command, rest, { stdio: ['ignore', 'ignore', 'inherit'], env }).status === 0;
  };
  const done = () => apt('install', '-y', '-qq', '--no-install-recommends', ...names);
  if (!done() && !(apt('update', '-qq') && done()))
    throw new EngineError(
      `${names.join(', ')} could not be installed (is the package server reachable?)`,
      `run: ${isRoot ? '' : 'sudo '}${line}`,
    );
}
