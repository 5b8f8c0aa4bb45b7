/**
 * @file A process that `workers.ts` starts: does one task after the other, and ends with the process that asks.
 */
import { EspalierError } from '../../base/errors.ts';
import { STOP_SIGNALS } from '../../base/signals.ts';
import { survivePipes } from '../../base/streams.ts';
import type { RunWatcher } from '../watcher.ts';
import { finalTraining, finishTraining, judgeAt } from './trainer.ts';
import type { TrainingTask, WorkerMessage } from './workers.ts';

/** Progress is sent at most so often, in milliseconds. */
const EVERY = 500;

const controller = new AbortController();

function doTask(task: TrainingTask, watcher: RunWatcher): Promise<unknown> {
  const { kind, training } = task;
  if (kind === 'judge') return judgeAt(training, task.steps, watcher, controller.signal);
  if (kind === 'finish') return finishTraining(training, task.groups, watcher, controller.signal);
  return finalTraining(training, watcher, controller.signal);
}

/** Where nobody is there to take it, the process is about to end. */
const send = (message: WorkerMessage): void => void process.send?.(message, undefined, undefined, () => undefined);

async function answer(task: TrainingTask): Promise<void> {
  let last = 0;
  const watcher = {
    progress(share: number, note: string) {
      if (performance.now() - last < EVERY) return;
      last = performance.now();
      send({ type: 'progress', share, note });
    },
    line: () => undefined,
  };
  try {
    send({ type: 'answer', answer: await doTask(task, watcher) });
  } catch (error) {
    const { message } = error as Error;
    send({ type: 'error', message, ...(error instanceof EspalierError ? { code: error.code } : {}) });
  }
}

// The terminal of the race may be closed.
survivePipes();
// Ctrl-C, like a closed terminal, goes to the whole group of processes: the one that asks decides what stops.
for (const name of STOP_SIGNALS) process.on(name, () => undefined);
process.on('message', (message: TrainingTask | { type: 'stop' }) => {
  if ('type' in message) controller.abort();
  else void answer(message);
});
// Nobody is there to take an answer: what is not saved is done again.
process.on('disconnect', () => process.exit(0));
