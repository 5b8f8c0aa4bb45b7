/**
 * @file The teacher of a training, as its settings name it.
 */
import { statSync } from 'node:fs';
import { ConfigError } from '../../base/errors.ts';
import { channelsOf, type DataSet } from '../../data/types.ts';
import type { Parallel } from '../../parallel/parallel.ts';
import type { TrainConfig } from '../../run/config/schemas/train.ts';
import type { Distillation } from '../../train/distillation.ts';
import { trainedOnBy } from '../openData.ts';
import { trainSettings } from '../settings.ts';
import { type ForeignModel, openOnnxTeacher } from './onnxTeacher.ts';
import { openRunTeacher } from './runTeacher.ts';
import { noTeacherOfRegions, type Student } from './student.ts';
import { unlabelledLoader } from './unlabelled.ts';

/**
 * Opens the teacher; undefined where there is none.
 * @throws ConfigError for a teacher that knows other classes or reads other data, or none of both kinds.
 */
export async function openTeacher(
  config: TrainConfig,
  dataset: DataSet,
  device: string,
  parallel: Parallel,
): Promise<Distillation | undefined> {
  const { teacher: path, distillation, scale, threads } = config;
  if (path === undefined) return undefined;
  if (dataset.regions) throw noTeacherOfRegions('the data have');
  const settings = trainSettings(config, dataset.rank);
  const student: Student = {
    classes: dataset.classes.map(({ name }) => name),
    rank: dataset.rank,
    channels: channelsOf(dataset),
    modalities: dataset.rank === 3 ? dataset.modalities : [],
    crop: settings.crop,
    reduction: scale,
    device,
  };
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined)
    throw new ConfigError(
      `teacher: ${path}: nothing there`,
      'name the folder of a run, or an ONNX file of espalier export',
    );
  const { weight, temperature, images } = distillation;
  const foreign = foreignModel(config, found.isDirectory() || dataset.rank === 3);
  const teacher = found.isDirectory()
    ? openRunTeacher(path, student)
    : await openOnnxTeacher(path, student, threads, foreign);
  return {
    ...{ teacher, weight, temperature },
    ...(images === undefined ? {} : { unlabelled: unlabelledLoader(images, dataset, settings, parallel) }),
  };
}

/** What the settings say of a model of another program; undefined where they say nothing. */
function foreignModel({ distillation }: TrainConfig, isKnown: boolean): ForeignModel | undefined {
  const { classes, mean, deviation } = distillation;
  if (isKnown && classes !== undefined)
    throw new ConfigError(
      'distillation.classes has no effect: it is for ONNX files of other programs that read images',
      'leave it out',
    );
  if (classes === undefined && (mean ?? deviation) !== undefined)
    throw new ConfigError(
      'distillation.mean and .deviation have no effect without distillation.classes',
      'leave them out',
    );
  return classes && { classes, ...(mean ? { mean } : {}), ...(deviation ? { deviation } : {}) };
}

/** What is to be said of a teacher that has seen what its student is scored on. */
export function teacherWarnings({ teacher }: Pick<TrainConfig, 'teacher'>, dataset: DataSet): string[] {
  return teacher === undefined ? [] : trainedOnBy({ path: teacher }, dataset.splits.val);
}

/** In one line, what a training learns beside its labels. */
export function describeTeacher({ teacher, distillation }: TrainConfig): string {
  const { weight, temperature, images } = distillation;
  const also = images === undefined ? '' : `, also on the images of ${images}`;
  return `teacher ${teacher}: its probabilities at temperature ${temperature} count ${weight} times${also}`;
}
