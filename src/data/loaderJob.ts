/**
 * @file The work on one sample of a batch: load, draw, transform. The same code runs in a worker thread and in process.
 */
import { DataError, EspalierError } from '../base/errors.ts';
import { type Augmentation, applyTransformation, drawTransformation } from './augment.ts';
import { sampleRandom } from './loaderPlan.ts';
import { createPictureCache } from './pictureCache.ts';
import type { Sample, SampleFormat } from './types.ts';

/** What a worker knows from its start on; plain data. */
export interface JobSetting {
  dataset: SampleFormat;
  samples: Sample[];
  crop: number[];
  augmentation: Augmentation;
  seed: number;
  cacheBytes: number;
}

/** One sample to make: `sample` is its number in the list, `place` its place in the epoch. */
export interface Job {
  epoch: number;
  place: number;
  sample: number;
}

/** Makes the crops of jobs into `images` `[...crop, channels]` and `labels` `[...crop]`. */
export type JobRunner = (job: Job, images: Float32Array, labels: Uint8Array) => Promise<void>;

/** Creates what runs jobs; it holds the decoded pictures. Every failure is a `DataError` that names the sample or its file. */
export function createJobRunner(setting: JobSetting): JobRunner {
  const { dataset, samples, augmentation, seed } = setting;
  const crop = [setting.crop[0], setting.crop[1]] as const;
  const cache = createPictureCache(dataset, setting.cacheBytes);
  return async (job, images, labels) => {
    const sample = samples[job.sample];
    try {
      const picture = await cache.load(sample);
      const random = sampleRandom(seed, job.epoch, job.place);
      const drawn = drawTransformation(augmentation, picture.width, picture.height, crop, random);
      applyTransformation(picture, drawn, crop, images, labels);
    } catch (error) {
      if (error instanceof EspalierError) throw error;
      throw new DataError(`sample ${sample.id}: ${(error as Error).message}`);
    }
  };
}
