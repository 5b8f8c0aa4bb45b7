/**
 * @file The folder of a run: where everything a command writes has its place. Names are never reused.
 */
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { ConfigError, DataError } from '../base/errors.ts';
import { fileName } from '../base/names.ts';
import { onDisk } from './files.ts';
import { requireInside } from './inside.ts';
import { LOCK_FILE } from './lock.ts';

/** The paths of a run; only the folder and its sub-folders exist at first. */
export interface RunFolder {
  readonly path: string;
  readonly command: string;
  readonly name: string;
  /** The resolved configuration. */
  readonly config: string;
  /** The append-only event log, JSON lines. */
  readonly events: string;
  /** One row an epoch. */
  readonly results: string;
  /** The samples of every split, as the run divided them. */
  readonly split: string;
  /** What a trained network is made of; only trainings have one. */
  readonly network: string;
  readonly genotype: string;
  readonly genotypeDrawing: string;
  /** The logits of a search, as `espalier decode` reads them. */
  readonly architecture: string;
  /** Checkpoint folders. */
  readonly last: string;
  readonly best: string;
  readonly confusionCsv: string;
  readonly confusionPicture: string;
  readonly perClassCsv: string;
  /** Of volumes: one row a case and class. */
  readonly perCaseCsv: string;
  readonly samples: string;
  readonly report: string;
  /** Folders of what later commands made with the network: scores on other data or measured in other ways, predictions, exported models. */
  readonly evaluations: string;
  readonly predictions: string;
  readonly exports: string;
  /** The weights of an exported network, instead of checkpoints. */
  readonly exported: string;
}

/**
 * Creates `<root>/<command>/<name>/`. Without a name it is the date and time, with a counter when that exists. A folder of that name
 * without any file, which a kill in the first moment leaves, is taken as it is.
 *
 * @param now the clock, for the default name.
 * @throws ConfigError when the name is not one of a folder, or the run exists.
 */
export function createRunFolder(root: string, command: string, name?: string, now: Date = new Date()): RunFolder {
  if (name !== undefined) requireRunName(name);
  const parent = resolve(root, command);
  onDisk(parent, () => mkdirSync(parent, { recursive: true }));
  const base = name ?? stamp(now);
  for (let counter = 1; ; counter++) {
    const path = join(parent, counter === 1 ? base : `${base}-${counter}`);
    if (createFolder(path) || (name !== undefined && isBare(path))) {
      const folder = describe(path);
      onDisk(path, () => {
        mkdirSync(dirname(folder.last), { recursive: true });
        mkdirSync(folder.samples, { recursive: true });
      });
      return folder;
    }
    if (name !== undefined) {
      throw new ConfigError(`name: expected a new run, got ${path}, which exists`, 'add --resume or take another name');
    }
  }
}

/** @throws ConfigError when a name is not that of a run: letters of every script with their marks, digits, emoji, and `_ . + -`, of which only `_` comes first. */
export function requireRunName(name: string): void {
  if (/^[^.+-]/.test(name) && name.replaceAll('+', '-') === fileName(name.replaceAll('+', '-'))) return;
  throw new ConfigError(`name: expected letters, digits, and any of _ . + -, got ${JSON.stringify(name)}`);
}

/**
 * The folder of an existing run, which may be a read-only copy: nothing is created.
 *
 * @throws DataError when there is no run, or a symbolic link leads out of its folder.
 */
export function openRunFolder(path: string): RunFolder {
  const folder = describe(resolve(path));
  if (!isFolder(folder.path)) throw new DataError(`${path}: expected the folder of a run, got nothing there`);
  // A network that was exported for a model hub is a run without a history.
  if (![folder.config, folder.events, folder.exported].some((file) => existsSync(file))) {
    throw new DataError(
      `${path}: expected the folder of a run with config.yaml, got one without`,
      'name runs/<command>/<name>',
    );
  }
  // Folders of later commands are looked at when something is written to them.
  const { evaluations, predictions, exports, ...own } = folder;
  for (const path of [...Object.values(own), dirname(folder.last)])
    if (path.startsWith(folder.path)) requireInside(folder.path, path);
  // A race keeps whole runs in folders of its own.
  for (const entry of readdirSync(folder.path, { withFileTypes: true })) {
    const inner = join(folder.path, entry.name);
    if (entry.isSymbolicLink() && ![evaluations, predictions, exports].includes(inner))
      requireInside(folder.path, inner);
  }
  return folder;
}

/** Every run below a root, by command and name; an absent root has none. Creates nothing. */
export function listRunFolders(root: string): RunFolder[] {
  return subfolders(resolve(root))
    .flatMap((command) => subfolders(command))
    .map(describe)
    .filter((folder) => existsSync(folder.config) || existsSync(folder.events));
}

function describe(path: string): RunFolder {
  return {
    path,
    command: basename(dirname(path)),
    name: basename(path),
    config: join(path, 'config.yaml'),
    events: join(path, 'events.jsonl'),
    results: join(path, 'results.csv'),
    split: join(path, 'split.json'),
    network: join(path, 'network.json'),
    genotype: join(path, 'genotype.json'),
    genotypeDrawing: join(path, 'genotype.svg'),
    architecture: join(path, 'architecture.json'),
    last: join(path, 'checkpoints', 'last'),
    best: join(path, 'checkpoints', 'best'),
    confusionCsv: join(path, 'confusion_matrix.csv'),
    confusionPicture: join(path, 'confusion_matrix.png'),
    perClassCsv: join(path, 'per_class.csv'),
    perCaseCsv: join(path, 'per_case.csv'),
    samples: join(path, 'samples'),
    report: join(path, 'report.html'),
    evaluations: join(path, 'evaluations'),
    predictions: join(path, 'predictions'),
    exports: join(path, 'export'),
    exported: join(path, 'model.safetensors'),
  };
}

/** False when it exists already: `mkdir` decides, so two processes never share a run. */
function createFolder(path: string): boolean {
  try {
    onDisk(path, () => mkdirSync(path));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Whether the folder of a run is empty but for, perhaps, a lock. */
function isBare(path: string): boolean {
  if (!isFolder(path)) return false;
  const visible = (folder: string) => readdirSync(folder).filter((name) => !name.startsWith('.'));
  return visible(path).every((name) => {
    const part = join(path, name);
    return (
      name === LOCK_FILE || (['checkpoints', 'samples'].includes(name) && isFolder(part) && visible(part).length === 0)
    );
  });
}

function subfolders(path: string): string[] {
  if (!isFolder(path)) return [];
  return readdirSync(path)
    .filter((name) => !name.startsWith('.'))
    .sort()
    .map((name) => join(path, name))
    .filter(isFolder);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Local time as `2025-06-30_14-05-09`. */
function stamp(now: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const date = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join('-');
  return `${date}_${[now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join('-')}`;
}
