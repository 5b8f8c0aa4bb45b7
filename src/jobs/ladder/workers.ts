/**
 * @file Trainings of a race in processes of their own, several at a time with one thread each: two threads of one training bring less than two trainings.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EngineError, type ErrorCode, EspalierError, NumericError, StoppedError } from '../../base/errors.ts';
import type { Reading } from '../../ladder/race.ts';
import type { SampleCounts } from '../../ladder/statistics.ts';
import type { RunWatcher } from '../watcher.ts';
import { DIVERGED, type RaceTraining } from './trainer.ts';

/**
 * What a worker is asked: a training to so many steps and judged, or to its end and scored with these groups of held-out samples, or the last one, on all
 * training samples.
 */
export type TrainingTask =
  | { readonly kind: 'judge'; readonly training: RaceTraining; readonly steps: number }
  | { readonly kind: 'finish'; readonly training: RaceTraining; readonly groups: Readonly<Record<string, string>> }
  | { readonly kind: 'final'; readonly training: RaceTraining };

/** What the tasks give. */
export interface TaskAnswers {
  readonly judge: Reading;
  readonly finish: { readonly heldOut: SampleCounts[]; readonly reported: SampleCounts[] };
  readonly final: SampleCounts[];
}

/** From a worker process. */
export type WorkerMessage =
  | { readonly type: 'progress'; readonly share: number; readonly note: string }
  | { readonly type: 'answer'; readonly answer: unknown }
  | { readonly type: 'error'; readonly code?: ErrorCode; readonly message: string };

/** Does tasks, as many at a time as there are workers; what is asked first is begun first. */
export interface Workers {
  run<Task extends TrainingTask>(task: Task, watcher: RunWatcher): Promise<TaskAnswers[Task['kind']]>;
  /** Stops what is in progress, which saves, and ends the processes. */
  close(): Promise<void>;
}

/** Signals by which a process ends that crashed: its network is at fault, not the machine or the user. */
const CRASHES: readonly (NodeJS.Signals | null)[] = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE'];

/** A process that crashed over a task. */
class Crash extends Error {}

/** A process that was ended from outside in the middle of a task, or never began it. */
class Lost extends Error {}

/** A task whose process was lost so often is not begun again: the machine has too little memory for it. */
const MOST_LOSSES = 4;

/**
 * Workers for a race, each a process. An aborted `signal` stops the trainings in progress, which save; after any error nothing more is begun. A process that
 * crashes is replaced, and its training answered as one that diverged: one bad network must not end a race. One that is ended from outside is replaced, and
 * its training continues from its last checkpoint.
 */
export function createWorkers(count: number, warn: (message: string) => void, signal?: AbortSignal): Workers {
  const free = Array.from({ length: count }, startProcess);
  const all = new Set(free);
  const stop = () => {
    for (const child of all) if (child.connected) child.send({ type: 'stop' });
  };
  signal?.addEventListener('abort', stop);
  const running = new Set<Promise<unknown>>();
  const waiting: ((child: ChildProcess) => void)[] = [];
  let failed: unknown;
  const claim = (): Promise<ChildProcess> => {
    const child = free.shift();
    return child ? Promise.resolve(child) : new Promise((resolve) => waiting.push(resolve));
  };
  const replace = (child: ChildProcess): ChildProcess => {
    all.delete(child);
    const other = startProcess();
    all.add(other);
    return other;
  };
  const release = (child: ChildProcess): void => {
    const next = waiting.shift();
    if (next) next(child);
    else free.push(child);
  };
  return {
    async run<Task extends TrainingTask>(task: Task, watcher: RunWatcher) {
      let child = await claim();
      try {
        if (failed !== undefined) throw failed;
        if (signal?.aborted) throw new StoppedError('stopped before the next training');
        for (let losses = 1; ; losses++) {
          const answer = ask(child, task, watcher);
          running.add(answer);
          try {
            return (await answer.finally(() => running.delete(answer))) as TaskAnswers[Task['kind']];
          } catch (error) {
            if (!(error instanceof Lost)) throw error;
            child = replace(child);
            if (signal?.aborted) throw new StoppedError('stopped while a training was begun again');
            if (losses === MOST_LOSSES)
              throw new EngineError(
                `${error.message}, ${MOST_LOSSES} times`,
                'where memory is short, resume with a smaller training.batch or fewer processes',
              );
            warn(`${error.message}: it is started again`);
          }
        }
      } catch (error) {
        if (error instanceof Crash) {
          child = replace(child);
          warn(`${error.message}: it is taken out of the race`);
          return LOST[task.kind] as TaskAnswers[Task['kind']];
        }
        failed ??= error;
        throw error;
      } finally {
        release(child);
      }
    },
    async close() {
      signal?.removeEventListener('abort', stop);
      if (running.size > 0) stop();
      await Promise.allSettled(running);
      for (const child of all) if (child.connected) child.disconnect();
    },
  };
}

/** What is answered for a training whose process crashed. */
const LOST: TaskAnswers = { judge: DIVERGED, finish: { heldOut: [], reported: [] }, final: [] };

function startProcess(): ChildProcess {
  // Whatever a training prints is in its log.
  const child = fork(processFile(), [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  // One that cannot start is lost at the first task.
  child.on('error', () => undefined);
  return child;
}

function ask(child: ChildProcess, task: TrainingTask, watcher: RunWatcher): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const done = () => {
      child.off('message', listen);
      child.off('exit', lost);
    };
    const listen = (message: WorkerMessage) => {
      if (message.type === 'progress') return watcher.progress(message.share, message.note);
      done();
      if (message.type === 'answer') resolve(message.answer);
      else reject(errorOf(message));
    };
    const lost = (code: number | null, name: NodeJS.Signals | null) => {
      done();
      const how = name ? `was ended by ${name}` : `ended with code ${code}`;
      const what = `the process of the training ${task.training.config.name} ${how}`;
      reject(CRASHES.includes(name) ? new Crash(what) : new Lost(what));
    };
    child.on('message', listen);
    child.on('exit', lost);
    if (child.connected) child.send(task);
    else lost(child.exitCode, child.signalCode);
  });
}

function errorOf({ code, message }: Extract<WorkerMessage, { type: 'error' }>): Error {
  if (code === undefined) return new Error(message);
  if (code === 'stopped') return new StoppedError(message);
  return code === 'numeric' ? new NumericError(message) : new EspalierError(code, message);
}

/** The compiled file of the process, from the sources too: Node 20 runs no TypeScript. */
function processFile(): string {
  const here = fileURLToPath(new URL('./workerProcess.js', import.meta.url));
  return existsSync(here)
    ? here
    : fileURLToPath(new URL('../../../dist/jobs/ladder/workerProcess.js', import.meta.url));
}
