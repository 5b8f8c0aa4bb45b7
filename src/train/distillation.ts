/**
 * @file What a teacher gives a training: for each batch its logits, and for each step a batch of unlabelled images with its logits on them.
 */
import type { PixelBatch } from '../data/loader/batch.ts';
import type { Loader } from '../data/loader/loader.ts';
import type { Tensor } from '../engine/tensor.ts';

/** A trained network that another one learns from. */
export interface Teacher {
  /** Logits `[batch, classes, ...size]` in the order of the student's classes, on its device and without a gradient; they are the caller's to free. */
  teach(batch: PixelBatch): Promise<Tensor>;
  close(): Promise<void>;
}

/** How much its probabilities count, and at which temperature; see `nn/distillation.ts`. */
export interface DistillationSettings {
  readonly weight: number;
  readonly temperature: number;
}

/** A teacher, and perhaps images without labels; labels of these are 0, and 255 where a crop reaches beyond the image. */
export interface Distillation extends DistillationSettings {
  readonly teacher: Teacher;
  readonly unlabelled?: Loader;
}

/** What a step learns beside its labels. */
export interface Lesson {
  /** Of the labelled batch. */
  readonly logits: Tensor;
  readonly unlabelled?: { readonly batch: PixelBatch; readonly logits: Tensor };
  free(): void;
}

/** The lessons of a training, one a step. */
export interface Lessons {
  /** Of the next step, whose labelled batch is `batch`. */
  next(batch: PixelBatch): Promise<Lesson>;
  /** Ends the threads of the loader, and the teacher. */
  close(): Promise<void>;
}

/** @param firstStep steps of the training that are done: a resumed one gets the unlabelled batches that it would have had. */
export function createLessons({ teacher, unlabelled }: Distillation, firstStep: number): Lessons {
  const batches = unlabelled && endless(unlabelled, firstStep);
  return {
    async next(batch) {
      const logits = await teacher.teach(batch);
      if (!batches) return { logits, free: () => logits.free() };
      const { value: other } = await batches.next();
      const others = await teacher.teach(other);
      return {
        logits,
        unlabelled: { batch: other, logits: others },
        free() {
          logits.free();
          others.free();
        },
      };
    },
    async close() {
      await unlabelled?.close();
      await teacher.close();
    },
  };
}

/** Epoch after epoch, from a step on. */
async function* endless(loader: Loader, firstStep: number): AsyncGenerator<PixelBatch, never> {
  const { stepsPerEpoch } = loader;
  let first = firstStep % stepsPerEpoch;
  for (let epoch = Math.floor(firstStep / stepsPerEpoch); ; epoch++, first = 0) yield* loader.batches(epoch, first);
}
