/**
 * @file Worker threads for the loader. A sample always goes to the same worker, so its decoded image is held once, not once a worker.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { DataError } from '../../base/errors.ts';
import type { Job, JobRunner, JobSetting } from './job.ts';
import type { WorkerAnswer, WorkerRequest } from './worker.ts';

/** Runs jobs in threads. */
export interface WorkerPool {
  run: JobRunner;
  close(): Promise<void>;
}

interface Waiting {
  resolve(answer: WorkerAnswer): void;
  reject(error: Error): void;
}

/** Starts `count` threads; they do not keep the process alive while no job waits. */
export function createWorkerPool(count: number, setting: JobSetting): WorkerPool {
  const file = workerFile();
  const share = { ...setting, cacheBytes: Math.floor(setting.cacheBytes / count) };
  const members = Array.from({ length: count }, () => createMember(file, share));
  let next = 0;
  return {
    async run(job: Job, images, labels) {
      const answer = await members[job.sample % count].ask({ id: next++, job });
      if ('error' in answer) throw new DataError(answer.error.message, answer.error.advice);
      images.set(answer.images);
      labels.set(answer.labels);
    },
    async close() {
      await Promise.all(members.map((member) => member.close()));
    },
  };
}

function createMember(file: string, setting: JobSetting) {
  const worker = new Worker(file, { workerData: setting, execArgv: [] });
  const waiting = new Map<number, Waiting>();
  let dead: Error | undefined;
  worker.unref();
  const die = (reason: string): void => {
    dead ??= new DataError(`a data worker ended: ${reason}`, 'start again with workers=0 to see where');
    for (const entry of waiting.values()) entry.reject(dead);
    waiting.clear();
  };
  worker.on('message', (answer: WorkerAnswer) => {
    waiting.get(answer.id)?.resolve(answer);
    waiting.delete(answer.id);
    if (waiting.size === 0 && dead === undefined) worker.unref();
  });
  worker.on('error', (error) => die(error.message));
  worker.on('exit', (code) => die(`exit code ${code}`));
  return {
    ask: (request: WorkerRequest): Promise<WorkerAnswer> =>
      new Promise((resolve, reject) => {
        if (dead !== undefined) {
          reject(dead);
          return;
        }
        worker.ref();
        waiting.set(request.id, { resolve, reject });
        worker.postMessage(request);
      }),
    close: async (): Promise<void> => {
      die('the loader was closed');
      // Its end is waited for, so it keeps the process alive.
      worker.ref();
      await worker.terminate();
    },
  };
}

/** The compiled worker beside this file; when this file runs as source (tests), the one in `dist/`. */
function workerFile(): string {
  const source = import.meta.url.endsWith('.ts');
  const file = fileURLToPath(new URL(source ? '../../../dist/data/loader/worker.js' : './worker.js', import.meta.url));
  if (!existsSync(file))
    throw new DataError(`${file}: the data worker is not built`, 'run npm run build, or use workers=0');
  return file;
}
