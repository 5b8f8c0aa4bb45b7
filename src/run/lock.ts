/**
 * @file One process a run folder: a file `run.lock` that names its owner. A lock whose owner is gone is taken over.
 *
 * A process of the same machine is gone when no process has its number, or one that began at another time (Linux knows when). Of other
 * machines nothing is known: their locks hold until somebody removes the file.
 */
import { linkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { DataError } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';
import { readTextFile } from '../base/textFile.ts';
import { onDisk, temporaryName } from './files.ts';

/** The name of the lock in a run folder. */
export const LOCK_FILE = 'run.lock';

/** Who holds a lock. */
export interface LockOwner {
  readonly pid: number;
  readonly host: string;
  /** When it was locked, ISO time. */
  readonly time: string;
  /** When its process began, in the words of its system; absent where it does not say. */
  readonly began?: string;
}

/** A lock that this process holds. */
export interface RunLock {
  /** Whose lock was taken over: a process that was killed. */
  readonly takenFrom?: LockOwner;
  /** Gives the folder back; later calls do nothing. */
  release(): void;
}

/**
 * Locks a run folder.
 * @throws DataError naming the owner when another process holds it.
 */
export function lockRun(folder: string, now: Date = new Date()): RunLock {
  const path = join(folder, LOCK_FILE);
  const began = beganAt(process.pid);
  const own: LockOwner = { pid: process.pid, host: hostname(), time: now.toISOString(), ...(began ? { began } : {}) };
  const text = `${JSON.stringify(own)}\n`;
  let takenFrom: LockOwner | undefined;
  for (let attempt = 1; !onDisk(path, () => createWhole(path, text)); attempt++) {
    if (attempt === MOST_ATTEMPTS)
      throw new DataError(`${path}: cannot be read`, 'change its permissions, or remove it');
    const found = readText(path);
    if (found === undefined) continue; // Released in this moment, or not ours to read.
    const owner = parseOwner(found);
    if (owner !== undefined && !isGone(owner)) throw locked(path, owner);
    if (removeStale(path, found)) takenFrom = owner;
  }
  let held = true;
  return {
    ...(takenFrom ? { takenFrom } : {}),
    release() {
      if (held && readText(path) === text) rmSync(path, { force: true });
      held = false;
    },
  };
}

/**
 * Waits until no process of this machine holds a run, at most so many seconds: one whose parent was killed ends behind its step.
 * What holds it then is found when it is locked.
 */
export async function whenFree(folder: string, seconds: number): Promise<void> {
  const until = performance.now() + 1000 * seconds;
  while (performance.now() < until) {
    const owner = parseOwner(readText(join(folder, LOCK_FILE)) ?? '');
    if (owner === undefined || owner.host !== hostname() || owner.pid === process.pid || isGone(owner)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const MOST_ATTEMPTS = 100;

/** The owner in words. */
export const describeOwner = ({ pid, host, time }: LockOwner): string => `process ${pid} on ${host} since ${time}`;

function locked(path: string, owner: LockOwner): DataError {
  const here = owner.host === hostname();
  return new DataError(
    `${path}: the run is in the hands of ${describeOwner(owner)}`,
    here ? 'wait for it, or stop it first' : 'wait for it; if that process is gone, remove this file',
  );
}

/** False when it exists. The content comes with the name: nobody sees a lock without its owner. */
function createWhole(path: string, text: string): boolean {
  const temporary = temporaryOf(path);
  writeFileSync(temporary, text, { flag: 'wx' });
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'ENOSYS') throw error;
    return createPlainly(path, text); // A file system without hard links.
  } finally {
    rmSync(temporary, { force: true });
  }
}

const temporaryOf = (path: string): string => join(dirname(path), temporaryName(basename(path)));

function createPlainly(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes the lock with that content; false when another process was faster, whose lock then stays. */
function removeStale(path: string, text: string): boolean {
  const aside = temporaryOf(path);
  try {
    renameSync(path, aside);
  } catch {
    return false;
  }
  const stale = readText(aside) === text;
  if (!stale) {
    try {
      linkSync(aside, path);
    } catch {
      // A third process has locked it since.
    }
  }
  rmSync(aside, { force: true });
  return stale;
}

/** Whether the process of a lock is known to have ended; of other machines nothing is known. */
export function isGone({ pid, host, began }: LockOwner): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true;
  }
  const now = beganAt(pid);
  if (now === DEAD) return true;
  return began !== undefined && now !== undefined && began !== now;
}

/** The boot of the machine and the tick of it at which a process began; undefined where the system does not say. */
function beganAt(pid: number): string | undefined {
  const boot = readText('/proc/sys/kernel/random/boot_id')?.trim();
  const stat = readText(`/proc/${pid}/stat`);
  if (boot === undefined || stat === undefined) return undefined;
  // The name of the program, in parentheses, may hold anything; behind it are its state and, as the 20th field, its start.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? DEAD : `${boot} ${fields[19]}`;
}

/** A process that has ended, and whose parent has not asked how. */
const DEAD = 'dead';

/** The owner that the text of a lock names; undefined for what no lock of ours is: half a file of a machine that went down. */
export function parseOwner(text: string): LockOwner | undefined {
  try {
    const { pid, host, time, began } = parseJson(text) as Partial<LockOwner>;
    if (!Number.isSafeInteger(pid) || (pid as number) < 1 || typeof host !== 'string' || typeof time !== 'string')
      return undefined;
    return { pid: pid as number, host, time, ...(typeof began === 'string' ? { began } : {}) };
  } catch {
    return undefined;
  }
}

function readText(path: string): string | undefined {
  try {
    return readTextFile(path);
  } catch {
    return undefined;
  }
}
