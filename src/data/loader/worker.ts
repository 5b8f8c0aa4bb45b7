/**
 * @file The worker thread of the loader: runs jobs one after another and posts the crops back. Speaks only with `workerPool.ts`.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { DataError } from '../../base/errors.ts';
import { channelsOf } from '../types.ts';
import { createJobRunner, type Job, type JobSetting } from './job.ts';

/** A job with the number of its answer. */
export interface WorkerRequest {
  id: number;
  job: Job;
}

/** The crops of a job, or why there are none. */
export type WorkerAnswer =
  | { id: number; images: Float32Array; labels: Uint8Array }
  | { id: number; error: { message: string; advice: string | undefined } };

if (parentPort !== null) {
  const port = parentPort;
  const setting = workerData as JobSetting;
  const run = createJobRunner(setting);
  const pixels = setting.crop.reduce((product, side) => product * side, 1);
  const channels = channelsOf(setting.dataset);
  let last: Promise<void> = Promise.resolve();
  const answer = async ({ id, job }: WorkerRequest): Promise<void> => {
    const images = new Float32Array(pixels * channels);
    const labels = new Uint8Array(pixels);
    try {
      await run(job, images, labels);
      port.postMessage({ id, images, labels } satisfies WorkerAnswer, [images.buffer, labels.buffer]);
    } catch (error) {
      const { advice } = error as DataError;
      const whole = (error as Error).message;
      const message = advice === undefined ? whole : whole.slice(0, whole.length - advice.length - 2);
      port.postMessage({ id, error: { message, advice } } satisfies WorkerAnswer);
    }
  };
  port.on('message', (request: WorkerRequest) => {
    last = last.then(() => answer(request));
  });
}
