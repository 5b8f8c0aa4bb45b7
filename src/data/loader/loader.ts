/**
 * @file Batches for training and for evaluation. Content depends on (seed, epoch, place) only, never on the number of workers; while
 * a batch is being computed with, the next ones are made in threads.
 */
import { ConfigError } from '../../base/errors.ts';
import { type Augmentation, checkAugmentation, STANDARD_AUGMENTATION } from '../images/augment.ts';
import { loadPrepared } from '../sample.ts';
import { channelsOf, formatOf, type Sample, type SampleFormat } from '../types.ts';
import { checkPatchSettings, type PatchSettings, STANDARD_PATCHES } from '../volumes/patches.ts';
import { imageBatch, type LoadedBatch } from './batch.ts';
import { createJobRunner, type JobRunner, type JobSetting } from './job.ts';
import { epochOrder, type Part, partOfBatch, WHOLE } from './plan.ts';
import { createWorkerPool, type WorkerPool } from './workerPool.ts';

/** What `createLoader` needs. */
export interface LoaderOptions {
  dataset: SampleFormat;
  samples: readonly Sample[];
  /** Samples a batch. */
  batch: number;
  /** Size of a crop `[height, width]`, or of a patch `[depth, height, width]`. */
  crop: readonly number[];
  /** For images; default `STANDARD_AUGMENTATION`. */
  augmentation?: Augmentation;
  /** For volumes; default `STANDARD_PATCHES`. */
  patches?: PatchSettings;
  seed: number;
  /** Threads; 0, the default, works in process. */
  workers?: number;
  /** Default true. */
  shuffle?: boolean;
  /** Leaves out a last batch that is not full; default true. */
  dropLast?: boolean;
  /** Batches made ahead of the one in use; default 2, and at least 2 a worker in samples. */
  prefetch?: number;
  /** Which part of each batch is made here, where several processes share it; default the whole. */
  part?: Part;
  /** Limit of decoded images and prepared volumes in memory, over all workers; default 1 GiB. */
  cacheBytes?: number;
}

/** An endless source of epochs. */
export interface Loader {
  /** The batches of one epoch (0, 1, ...) from the step `first` (default 0) on; may be asked again and gives the same. */
  batches(epoch: number, first?: number): AsyncIterable<LoadedBatch>;
  stepsPerEpoch: number;
  /** Ends the threads. */
  close(): Promise<void>;
}

/** Creates a loader of augmented crops of images or patches of volumes. Errors while iterating are `DataError`s that name the file. */
export function createLoader(options: LoaderOptions): Loader {
  const { samples, batch, crop, seed, workers = 0, shuffle = true, dropLast = true, part = WHOLE } = options;
  const augmentation = options.augmentation ?? STANDARD_AUGMENTATION;
  checkAugmentation(augmentation);
  const patches = options.patches ?? STANDARD_PATCHES;
  checkPatchSettings(patches);
  const { rank } = options.dataset;
  if (crop.length !== rank) {
    throw new ConfigError(
      `a crop of ${crop.length} sides (${crop.join(', ')}) for data of rank ${rank}`,
      rank === 2 ? 'expected [height, width]' : 'expected [depth, height, width]',
    );
  }
  for (const [name, value] of [['batch', batch], ...crop.map((side) => ['crop', side] as const)] as const) {
    if (!Number.isInteger(value) || value < 1)
      throw new ConfigError(`${name} ${value}`, 'expected a whole number from 1 on');
  }
  if (batch < part.count)
    throw new ConfigError(
      `a batch of ${batch} has no part for each of ${part.count} processes`,
      `raise batch to at least ${part.count}, or start fewer processes`,
    );
  if (!Number.isInteger(workers) || workers < 0) throw new ConfigError(`workers ${workers}`, 'expected 0, 1, ...');
  const stepsPerEpoch = dropLast ? Math.floor(samples.length / batch) : Math.ceil(samples.length / batch);
  if (stepsPerEpoch === 0) {
    throw new ConfigError(
      `${samples.length} samples make no batch of ${batch}`,
      samples.length > 0 ? `lower batch to ${samples.length}, or add samples` : 'add samples',
    );
  }
  const setting: JobSetting = {
    dataset: formatOf(options.dataset),
    samples: [...samples],
    crop: [...crop],
    augmentation,
    patches,
    seed,
    cacheBytes: options.cacheBytes ?? 2 ** 30,
  };
  const pool: WorkerPool | undefined = workers > 0 ? createWorkerPool(workers, setting) : undefined;
  const run = pool?.run ?? createJobRunner(setting);
  // In process there is no other thread to work ahead on.
  const ahead = workers === 0 ? 0 : Math.max(options.prefetch ?? 2, Math.ceil((2 * workers) / batch));
  return {
    stepsPerEpoch,
    close: async () => pool?.close(),
    async *batches(epoch, first = 0) {
      const order = epochOrder(samples.length, seed, epoch, shuffle);
      const queue: Promise<LoadedBatch>[] = [];
      for (let step = first, asked = first; step < stepsPerEpoch; step++) {
        for (; asked < stepsPerEpoch && asked <= step + ahead; asked++) {
          const made = makeBatch(run, setting, epoch, order, partOfBatch(asked * batch, batch, part));
          // Its error is thrown when its turn comes; until then it is not an unhandled one.
          made.catch(() => undefined);
          queue.push(made);
        }
        yield await queue.shift()!;
      }
    },
  };
}

async function makeBatch(
  run: JobRunner,
  { dataset, crop: size, samples }: JobSetting,
  epoch: number,
  order: readonly number[],
  [first, end]: readonly [number, number],
): Promise<LoadedBatch> {
  const channels = channelsOf(dataset);
  const numbers = order.slice(first, end);
  const pixels = size.reduce((product, side) => product * side, 1);
  const images = new Float32Array(numbers.length * pixels * channels);
  const labels = new Uint8Array(numbers.length * pixels);
  await Promise.all(
    numbers.map((sample, i) =>
      run(
        { epoch, place: first + i, sample },
        images.subarray(i * pixels * channels, (i + 1) * pixels * channels),
        labels.subarray(i * pixels, (i + 1) * pixels),
      ),
    ),
  );
  return { images, labels, ids: numbers.map((sample) => samples[sample].id), batch: numbers.length, size, channels };
}

/** Whole images one by one, `batch` 1, without augmentation, in the order of `samples`; sizes may differ from one to the next. */
export async function* evaluationBatches(
  dataset: SampleFormat,
  samples: readonly Sample[],
): AsyncGenerator<LoadedBatch> {
  for (const sample of samples) {
    const { width, height, image, label } = await loadPrepared(dataset, sample);
    yield imageBatch({ width, height, data: image }, sample.id, label);
  }
}
