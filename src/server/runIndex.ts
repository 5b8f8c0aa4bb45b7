/**
 * @file All runs below a folder, kept up to date by looking: each log is read once, then only what was added to it. Polling and no
 * notifications of the file system: those are missing on network drives and in containers, and a look at a size costs microseconds.
 */
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { parseJson } from '../base/json.ts';
import { listRunFolders, openRunFolder } from '../run/folder.ts';
import { LOCK_FILE, type LockOwner, parseOwner } from '../run/lock.ts';
import type { RunSummary } from './api.ts';
import { readPiece } from './logReader.ts';
import { startCost } from './lookCost.ts';
import { gather, MOST_COST, noFacts, progressOf, type RunFacts, stateOf, stepSecondsOf } from './runSummary.ts';
import { isPlainName, listInside, openInside, readInside, readTextInside } from './safeFiles.ts';

/** One run. */
export interface IndexedRun {
  readonly id: string;
  /** The real path of its folder. */
  readonly path: string;
  /** Bytes of its log that are taken in. */
  readonly size: number;
  /** Changes when the log was replaced: offsets into the old one mean nothing then. */
  readonly generation: number;
  /** The version of the index in which its summary changed last. */
  readonly version: number;
  readonly facts: RunFacts;
  readonly summary: RunSummary;
}

/** The runs. */
export interface RunIndex {
  /** Rises whenever anything changes. */
  readonly version: number;
  readonly runs: ReadonlyMap<string, IndexedRun>;
  /** Looks at the disk, from the call on: calls while a look is under way share the next one. */
  refresh(): Promise<void>;
  /** The same where a run of this name may be there. */
  refreshFor(command: string, name: string): Promise<void>;
  /** Looks only at the runs that are running; shares a look that is under way. */
  refreshRunning(): Promise<void>;
  /** Milliseconds of the processor that the last whole look took. */
  readonly lookTook: number;
}

type Entry = { -readonly [Key in keyof IndexedRun]: IndexedRun[Key] } & {
  inode: number;
  modified: number;
  /** What changes when a file is added to its folder or removed, or another process locks it. */
  folder: string;
  costs?: { modified: number } & GraphCosts;
};

/** The index of a folder of runs, or of one run; reads nothing before the first refresh. */
export function createRunIndex(root: string, clock: () => number = Date.now): RunIndex {
  const entries = new Map<string, Entry>();
  let version = 0;
  let generations = 0;
  let underWay: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let lookTook = 0;

  const look = async () => {
    const paths = await findRuns(root);
    for (const id of entries.keys()) {
      if (!paths.has(id)) {
        entries.delete(id);
        version++;
      }
    }
    for (const [id, path] of paths) {
      let entry = entries.get(id);
      if (entry === undefined || entry.path !== path) {
        entry = createEntry(id, path, ++generations);
        entries.set(id, entry);
      }
      await lookAt(entry);
    }
  };

  const lookAt = async (entry: Entry) => {
    let summary: RunSummary;
    try {
      const found = await readOn(entry);
      // A finished run whose log is as it was: most of them, most of the time.
      if (found === 'same' && entry.facts.end && entry.version > 0) return;
      // One whose process is gone: only somebody who works in its folder changes that.
      const folder = entry.facts.end ? '' : await folderNow(entry.path);
      if (found === 'same' && entry.version > 0 && entry.summary.state !== 'running' && folder === entry.folder) return;
      entry.folder = folder;
      if (found === 'another') entry.generation = ++generations;
      const owner = entry.facts.end ? undefined : await ownerOf(entry);
      summary = summarise(entry, await costsOf(entry), owner, clock());
    } catch (error) {
      // One run that cannot be read is shown as such, beside the others.
      summary = unreadable(entry, error as Error);
    }
    if (JSON.stringify(summary) === JSON.stringify(entry.summary)) return;
    entry.summary = summary;
    entry.version = ++version;
  };

  /** Those whose log may grow: all others change only where somebody works in their folder. */
  const lookAtRunning = async () => {
    for (const entry of entries.values()) if (entry.summary.state === 'running') await lookAt(entry);
  };

  /** One look at a time: two would take the same lines in twice. */
  const track = (work: () => Promise<void>, done: (took: number) => void = () => undefined) => {
    const cost = startCost();
    underWay = work().finally(() => {
      underWay = undefined;
      done(cost());
    });
    return underWay;
  };

  const begin = () => {
    next = undefined;
    return track(look, (took) => {
      lookTook = took;
    });
  };

  return {
    get version() {
      return version;
    },
    runs: entries,
    get lookTook() {
      return lookTook;
    },
    refresh() {
      if (underWay) next ??= underWay.catch(() => undefined).then(begin);
      return next ?? begin();
    },
    refreshRunning: () => underWay ?? track(lookAtRunning),
    async refreshFor(command, name) {
      const real = await realpath(resolve(root)).catch(() => undefined);
      if (real === undefined || !isPlainName(command)) return;
      // A list of names costs milliseconds where a look at all runs costs more: most names that are not known are nowhere.
      const isThere = isRun(real) || (await listInside(real, command, 'folders')).includes(name);
      if (isThere) await this.refresh();
    },
  };
}

/** Runs by id with their real paths; those that a link leads out of the folder are left out. */
async function findRuns(root: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  let real: string;
  try {
    real = await realpath(resolve(root));
  } catch {
    return found;
  }
  const single = isRun(real);
  const idOf = (path: string) => `${basename(dirname(path))}/${basename(path)}`;
  if (single) return new Map([[idOf(real), real]]);
  // A folder of a real folder that is no link is where it seems to be; asking for the real path of each would cost most of a look.
  const folders = async (path: string) =>
    (await readdir(path, { withFileTypes: true }).catch(() => []))
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(path, name));
  const own = new Set((await Promise.all((await folders(real)).map(folders))).flat());
  for (const { path } of listRunFolders(real)) if (own.has(path)) found.set(idOf(path), path);
  return found;
}

function isRun(path: string): boolean {
  try {
    openRunFolder(path);
    return true;
  } catch {
    return false;
  }
}

function createEntry(id: string, path: string, generation: number): Entry {
  const facts = noFacts();
  const entry = { id, path, size: 0, generation, version: 0, facts, inode: 0, modified: 0, folder: '' };
  return { ...entry, summary: {} as RunSummary };
}

/** The row of a run of which nothing else can be said. */
function unreadable({ id }: Entry, error: Error): RunSummary {
  const [command, name] = id.split('/');
  return {
    ...{ id, command, name, state: 'damaged', message: `it cannot be read: ${error.message.slice(0, 200)}` },
    ...{ seconds: 0, epochs: 0, settings: {}, warnings: 0, damaged: 1 },
  };
}

/** Takes in what was added to the log, and says whether it is the same, longer, or another one than before. */
async function readOn(entry: Entry): Promise<'same' | 'more' | 'another'> {
  const found = await lstat(join(entry.path, 'events.jsonl')).catch(() => undefined);
  if (found && found.size === entry.size && found.ino === entry.inode && found.mtimeMs === entry.modified)
    return 'same';
  const file = await openInside(entry.path, 'events.jsonl');
  if (file === undefined) {
    entry.modified = await changedAt(entry.path);
    return 'same';
  }
  try {
    const { size, ino, mtimeMs } = await file.stat();
    const isAnother = size < entry.size || (entry.inode !== 0 && ino !== entry.inode);
    if (isAnother) Object.assign(entry, { facts: noFacts(), size: 0 });
    Object.assign(entry, { inode: ino, modified: mtimeMs });
    for (let atEnd = entry.size === size; !atEnd; ) {
      const piece = await readPiece(file, entry.size);
      for (const event of piece.events)
        try {
          gather(entry.facts, event);
        } catch {
          entry.facts.damaged++;
        }
      entry.facts.damaged += piece.damaged;
      ({ offset: entry.size, atEnd } = piece);
    }
    return isAnother ? 'another' : 'more';
  } finally {
    await file.close();
  }
}

const changedAt = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;

const folderNow = async (path: string): Promise<string> =>
  (await Promise.all([changedAt(path), changedAt(join(path, LOCK_FILE))])).join(' ');

/** The process that the lock of a run names. */
async function ownerOf({ path }: Entry): Promise<LockOwner | undefined> {
  const file = await readInside(path, LOCK_FILE);
  return file && parseOwner(file.content.toString('utf8'));
}

/** What graph.json says of a network. */
type GraphCosts = Pick<RunSummary, 'parameters' | 'multiplyAdds' | 'latency' | 'size'>;

/** What counts of a graph.json that anybody may have written. */
const graphSchema = z.object({
  parameters: z.number().min(0).max(MOST_COST),
  multiplyAdds: z.number().min(0).max(MOST_COST),
  size: z.array(z.number().min(1)).min(1).max(3).optional(),
  latency: z.object({ ms: z.number().min(0).max(MOST_COST), on: z.string().max(200) }).optional(),
});

/** Totals of graph.json, read again when the file changed. */
async function costsOf(entry: Entry): Promise<GraphCosts> {
  const modified = (await stat(join(entry.path, 'graph.json')).catch(() => undefined))?.mtimeMs;
  if (modified === undefined) return {};
  if (entry.costs?.modified !== modified) {
    entry.costs = { modified };
    const text = await readTextInside(entry.path, 'graph.json');
    try {
      const { parameters, multiplyAdds, ...others } = graphSchema.parse(parseJson(text ?? '{}'));
      entry.costs = { modified, parameters, multiplyAdds, ...others };
    } catch {
      // A damaged file costs its run two numbers in a table, no more.
    }
  }
  const { modified: _, ...costs } = entry.costs;
  return costs;
}

function summarise(entry: Entry, costs: GraphCosts, owner: LockOwner | undefined, now: number): RunSummary {
  const { id, facts } = entry;
  const [command, name] = id.split('/');
  const { started, updated, seconds, epochs, peakBytes, score, warnings, damaged } = facts;
  const { state, message } = stateOf(facts, owner, now, entry.modified);
  const { secondsLeft, ...progress } = progressOf(facts);
  return {
    ...{ id, command, name, state, message, started, updated, seconds, epochs },
    ...progress,
    ...(state === 'running' ? { secondsLeft } : {}),
    stepSeconds: stepSecondsOf(facts),
    ...{ peakBytes, score },
    ...costs,
    settings: facts.settings,
    ...{ warnings, damaged },
  };
}
