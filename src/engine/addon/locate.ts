/**
 * @file Where a built addon can be: a file named by the user, the build of a clone, the user's cache, the prebuilt ones of the package. Builds and
 * loads nothing.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineError } from '../../base/errors.ts';

/** The folder of the package or clone; this file is `<root>/src|dist/engine/addon/locate.*`. */
export const packageRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/** Name of the addon's file in every folder that holds one. */
export const ADDON = 'espalier.node';
/** What the addon was built for, beside it; written last, so that a build without it is not complete. */
export const ABOUT = 'about.json';

/** Variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What an addon was built for. */
export interface AddonFacts {
  /** Version of the package. */
  readonly version: string;
  readonly libtorch: string;
  /** Folder of libtorch, `''` for the system's. */
  readonly folder: string;
}

/** An addon that may or may not load. */
export interface AddonCandidate {
  readonly file: string;
  readonly origin: 'ESPALIER_ADDON' | 'clone' | 'cache' | 'prebuilt';
}

/** Whether the package is a clone with its sources, which builds into its own `build/native`. */
export const isClone = (): boolean => existsSync(join(packageRoot, 'src', 'engine'));

/** Version of the package. */
export const packageVersion = (): string =>
  (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }).version;

/**
 * The user's folder for builds of the addon: `$XDG_CACHE_HOME/espalier/addon`, by default in `~/.cache`.
 * @throws EngineError when there is no home folder.
 */
export function cacheFolder(environment: Environment = process.env): string {
  const given = environment.XDG_CACHE_HOME;
  if (given) return join(given, 'espalier', 'addon');
  const home = environment.HOME ?? homeOrNothing();
  if (home === '' || !existsSync(home))
    throw new EngineError(
      `no home folder for the addon (HOME is ${home === '' ? 'not set' : home})`,
      'run: XDG_CACHE_HOME=<a folder that you may write to> npx espalier setup',
    );
  return join(home, '.cache', 'espalier', 'addon');
}

function homeOrNothing(): string {
  try {
    return homedir();
  } catch {
    return '';
  }
}

/** Every complete addon for this package, the most specific first. With LIBTORCH set, builds for another libtorch are left out. */
export function addonCandidates(environment: Environment = process.env): AddonCandidate[] {
  const { ESPALIER_ADDON: given, LIBTORCH: libtorch } = environment;
  if (given) return [{ file: given, origin: 'ESPALIER_ADDON' }];
  if (isClone()) {
    const built: AddonCandidate = { file: join(packageRoot, 'build', 'native', ADDON), origin: 'clone' };
    return isThere(built) ? [built] : [];
  }
  const fits = (folder: string) => {
    const facts = readFacts(folder);
    return facts?.version === packageVersion() && (!libtorch || facts.folder === libtorch) && stillThere(facts);
  };
  let cache: AddonCandidate[] = [];
  try {
    cache = builtIn(cacheFolder(environment), 'cache').filter(({ file }) => fits(dirname(file)));
  } catch {
    // No home folder: nothing was built.
  }
  const prebuilt = libtorch ? [] : builtIn(join(packageRoot, 'prebuilds'), 'prebuilt').filter(forThisMachine);
  return [...cache, ...prebuilt];
}

const isThere = ({ file }: AddonCandidate): boolean => existsSync(file);

/** Complete builds below a folder, the newest first. */
function builtIn<Origin extends AddonCandidate['origin']>(folder: string, origin: Origin) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((name) => ({ file: join(folder, name, ADDON), origin }))
    .filter((candidate) => isThere(candidate) && existsSync(join(dirname(candidate.file), ABOUT)))
    .sort((a, b) => statSync(b.file).mtimeMs - statSync(a.file).mtimeMs);
}

const forThisMachine = ({ file }: AddonCandidate): boolean =>
  dirname(file).split('/').at(-1)?.startsWith(`${process.platform}-${process.arch}-`) ?? false;

/** A libtorch in a folder of its own may have been removed or replaced since. */
const stillThere = ({ folder }: AddonFacts): boolean => folder === '' || existsSync(folder);

/** What lies beside an addon, or undefined where that cannot be read. */
function readFacts(folder: string): AddonFacts | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, ABOUT), 'utf8')) as AddonFacts;
  } catch {
    return undefined;
  }
}
