/**
 * @file Builds the addon with CMake, for a clone in place and for an installed package in the user's cache. A build is complete once its facts lie
 * beside it: what was interrupted is not taken for one.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { EngineError } from '../../base/errors.ts';
import type { Libtorch } from './libtorch.ts';
import { ABOUT, ADDON, cacheFolder, isClone, packageRoot, packageVersion } from './locate.ts';

/** Programs that a build needs, each with what may stand in for it. */
const TOOLS = { cmake: ['cmake'], make: ['make', 'ninja'], 'g++': ['c++', 'g++', 'clang++'] } as const;

/** Names of the Debian packages of the programs that are missing for a build. */
export const missingTools = (): string[] =>
  Object.entries(TOOLS).flatMap(([name, programs]) => (programs.some(hasProgram) ? [] : [name]));

export const hasProgram = (program: string): boolean =>
  spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;

/**
 * Builds the addon for a libtorch unless a complete build of the same sources is there; returns its file.
 * @param say called before a build, which takes minutes
 * @throws EngineError with the last lines of the compiler, or when the folder cannot be written to.
 */
export function buildAddon(libtorch: Libtorch, say: (text: string) => void): string {
  const sources = join(packageRoot, 'native');
  const state = [libtorch.folder, libtorch.version, fingerprint(sources)].join('\n');
  const key = createHash('sha256').update(state).digest('hex').slice(0, 12);
  const folder = isClone() ? join(packageRoot, 'build', 'native') : join(cacheFolder(), `${packageVersion()}-${key}`);
  const facts = { version: packageVersion(), libtorch: libtorch.version, folder: libtorch.folder, key };
  if (existsSync(join(folder, ADDON)) && keyOf(folder) === key) return join(folder, ADDON);
  say('building the addon, which takes a few minutes');
  // A clone builds in place, so that only what changed is compiled; the cache gets a finished folder.
  const work = isClone() ? folder : `${folder}.${process.pid}`;
  try {
    // CMake refuses the folder of a clone that was moved or copied.
    if (!configuredFor(sources, work)) rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { recursive: true });
    rmSync(join(work, ABOUT), { force: true });
    compile(sources, work, libtorch);
    writeFileSync(join(work, ABOUT), `${JSON.stringify(facts)}\n`);
    if (work !== folder) {
      rmSync(folder, { recursive: true, force: true });
      renameSync(work, folder);
    }
  } catch (error) {
    if (work !== folder) rmSync(work, { recursive: true, force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof EngineError || code === undefined) throw error;
    throw new EngineError(
      `${work}: cannot be written to (${code})`,
      'run: XDG_CACHE_HOME=<a folder with 100 MB free> npx espalier setup',
    );
  }
  return join(folder, ADDON);
}

function compile(sources: string, folder: string, libtorch: Libtorch): void {
  const headers = join(dirname(createRequire(import.meta.url).resolve('node-api-headers')), 'include');
  const configure = ['-S', sources, '-B', folder, `-DNODE_API_INCLUDE=${headers}`, `-DLIBTORCH=${libtorch.folder}`];
  const build = ['--build', folder, '--parallel', String(availableParallelism())];
  const log = join(folder, 'build.log');
  for (const args of [configure, build]) {
    const { status, stdout, stderr, error } = spawnSync('cmake', args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
    const output = `${stdout ?? ''}\n${stderr ?? ''}${error ?? ''}`;
    writeFileSync(log, output);
    if (status === 0) continue;
    const lines = output.trimEnd().split('\n');
    const cause = lines.find((line) => /error/i.test(line)) ?? lines.at(-1);
    process.stderr.write(`${lines.slice(-25).join('\n')}\n`);
    throw new EngineError(`the addon could not be built: ${cause?.trim()}`, `run: cmake ${args.join(' ')}`);
  }
  if (!existsSync(join(folder, ADDON))) throw new EngineError(`cmake built no ${ADDON} in ${folder}`);
}

/** A hash of every source of the addon. */
function fingerprint(folder: string): string {
  const hash = createHash('sha256');
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  for (const name of names.filter((each) => /\.(cc|h|txt)$/.test(each)).sort())
    hash.update(name).update(readFileSync(join(folder, name)));
  return hash.digest('hex');
}

/** Whether CMake made this folder for these sources, or not at all. */
function configuredFor(sources: string, folder: string): boolean {
  const cache = join(folder, 'CMakeCache.txt');
  return !existsSync(cache) || readFileSync(cache, 'utf8').includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${sources}\n`);
}

function keyOf(folder: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(join(folder, ABOUT), 'utf8')) as { key?: string }).key;
  } catch {
    return undefined;
  }
}
