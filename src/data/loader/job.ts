/**
 * @file The work on one sample of a batch: load, draw, transform. The same code runs in a worker thread and in process.
 */
import { DataError, EspalierError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { type Augmentation, drawTransformation } from '../images/augment.ts';
import { applyTransformation } from '../images/crop.ts';
import { loadPrepared } from '../sample.ts';
import type { Sample, SampleFormat } from '../types.ts';
import type { VolumeShape } from '../volume.ts';
import { applyPatch } from '../volumes/augment.ts';
import { loadVolume } from '../volumes/load.ts';
import { createPatchSource, drawPatch, type PatchSettings, patchSourceBytes } from '../volumes/patches.ts';
import { prepareVolume } from '../volumes/prepare.ts';
import { sampleRandom } from './plan.ts';
import { createSampleCache } from './sampleCache.ts';

/** What a worker knows from its start on; plain data. */
export interface JobSetting {
  dataset: SampleFormat;
  samples: Sample[];
  /** `[height, width]` or `[depth, height, width]`, by the rank of the data set. */
  crop: number[];
  /** For images. */
  augmentation: Augmentation;
  /** For volumes. */
  patches: PatchSettings;
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

/** Makes one crop with the randomness given. */
type CropMaker = (sample: Sample, random: Random, images: Float32Array, labels: Uint8Array) => Promise<void>;

/** Creates what runs jobs; it holds the loaded samples. Every failure is a `DataError` that names the sample or its file. */
export function createJobRunner(setting: JobSetting): JobRunner {
  const { dataset, samples, seed } = setting;
  const make = dataset.rank === 2 ? createPictureMaker(dataset, setting) : createVolumeMaker(dataset, setting);
  return async (job, images, labels) => {
    const sample = samples[job.sample];
    try {
      await make(sample, sampleRandom(seed, job.epoch, job.place), images, labels);
    } catch (error) {
      if (error instanceof EspalierError) throw error;
      throw new DataError(`sample ${sample.id}: ${(error as Error).message}`);
    }
  };
}

function createPictureMaker(dataset: SampleFormat & { rank: 2 }, setting: JobSetting): CropMaker {
  const crop = [setting.crop[0], setting.crop[1]] as const;
  const cache = createSampleCache(
    (sample) => loadPrepared(dataset, sample),
    ({ image, label }) => image.byteLength + label.byteLength,
    setting.cacheBytes,
  );
  return async (sample, random, images, labels) => {
    const picture = await cache.load(sample);
    const drawn = drawTransformation(setting.augmentation, picture.width, picture.height, crop, random);
    applyTransformation(picture, drawn, crop, images, labels);
  };
}

function createVolumeMaker(dataset: SampleFormat & { rank: 3 }, setting: JobSetting): CropMaker {
  const size: VolumeShape = [setting.crop[0], setting.crop[1], setting.crop[2]];
  const cache = createSampleCache(
    async (sample) => {
      const { image, label } = await loadVolume(dataset, sample);
      return createPatchSource(prepareVolume(image, label, dataset.preparation, sample.id));
    },
    patchSourceBytes,
    setting.cacheBytes,
  );
  return async (sample, random, images, labels) => {
    const source = await cache.load(sample);
    const drawn = drawPatch(source, size, setting.patches, random);
    applyPatch(source.volume, drawn, size, images, labels, random);
  };
}
