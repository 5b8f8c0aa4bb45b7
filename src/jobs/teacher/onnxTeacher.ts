/**
 * @file An exported model as a teacher, in onnxruntime-node, which is optional.
 */
import { readFileSync } from 'node:fs';
import { ConfigError, DataError, EngineError } from '../../base/errors.ts';
import { noGrad } from '../../engine/autograd.ts';
import {
  addNumber,
  clamp,
  contiguous,
  divide,
  log,
  permute,
  resize,
  scale,
  subtract,
  toDevice,
} from '../../engine/operators.ts';
import { fromArray, keepForever, scope, type Tensor } from '../../engine/tensor.ts';
import { toTensors } from '../../infer/batch.ts';
import type { ModelMetadata, Preprocessing } from '../../portable/metadata.ts';
import { readModelMetadata } from '../../portable/modelFile.ts';
import { sessionOptions } from '../../portable/node.ts';
import { loadRuntime } from '../../portable/runtime.ts';
import type { OnnxRuntime } from '../../portable/segmenter.ts';
import type { Teacher } from '../../train/distillation.ts';
import { inOrderOf, noTeacherOfRegions, type Student } from './student.ts';

/** Probabilities below are this: their logarithm is a number. */
const LEAST_PROBABILITY = 1e-8;

/** @param foreign of a model of another program: what it does not say itself. @throws DataError where the file is no model of espalier otherwise; ConfigError where it does not suit the student; EngineError without onnxruntime-node. */
export async function openOnnxTeacher(
  file: string,
  student: Student,
  threads: number,
  foreign?: ForeignModel,
): Promise<Teacher> {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new DataError(`teacher: ${file}: cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  const metadata = foreign ? metadataOf(foreign, student) : readModelMetadata(bytes, file);
  if (metadata.regions) throw noTeacherOfRegions(`${file} finds`);
  // An exported model reads images at the size of their files, whatever it makes of them.
  const size = student.crop.map((side) => Math.round(side * student.reduction));
  requireSuited(metadata, file, student, size);
  const { preprocessing, result, classes } = metadata;
  const names = classes.map(({ name }) => name);
  const ordered = inOrderOf(student.classes, names, file);
  const runtime: OnnxRuntime<ReturnType<typeof sessionOptions>> = await loadRuntime();
  const session = await runtime.InferenceSession.create(bytes, sessionOptions(threads));
  const [input, output] = [session.inputNames[0], session.outputNames[0]];
  const refuse = (error: Error): never => {
    throw new EngineError(`teacher: ${file}: ${error.message}`, 'export it with batch=dynamic');
  };
  return {
    async teach(batch) {
      const { batch: samples, channels } = batch;
      const shape =
        preprocessing.layout === 'channelsLast' ? [samples, ...size, channels] : [samples, channels, ...size];
      const values = noGrad(() =>
        scope(() => {
          const images = resize(toTensors(batch, 'cpu').images, size);
          return modelInput(foreign ? inColoursOf(images, foreign) : images, preprocessing, student.rank);
        }),
      );
      const feed = new runtime.Tensor(preprocessing.dtype, values, shape);
      const { data, dims } = (await session.run({ [input]: feed }).catch(refuse))[output] as Scores;
      if (dims.length !== shape.length || dims[1] !== names.length)
        throw new ConfigError(
          `teacher: ${file} gives scores [${dims.join(', ')}], expected ${names.length} classes in the second place`,
          'state its classes in the order of its outputs with distillation.classes',
        );
      return noGrad(() =>
        scope(() => {
          const scores = fromArray(data, dims);
          const logits = result === 'softmax' ? log(clamp(scores, LEAST_PROBABILITY, null)) : scores;
          return keepForever(toDevice(contiguous(ordered(resize(logits, batch.size))), student.device));
        }),
      );
    },
    close: () => session.release(),
  };
}

/** What a model of another program does not say of itself. */
export interface ForeignModel {
  /** In the order of its outputs. */
  readonly classes: readonly string[];
  /** It reads (colour - mean) / deviation, of colours from 0 to 1; colours from -1 to 1 where nothing is said. */
  readonly mean?: readonly number[];
  readonly deviation?: readonly number[];
}

/** What such a model is taken for: scores of any size, of images `[batch, channels, height, width]`. */
const metadataOf = ({ classes }: ForeignModel, { channels }: Student): ModelMetadata => ({
  classes: classes.map((name) => ({ name, colour: [0, 0, 0] })),
  preprocessing: { layout: 'channelsFirst', dtype: 'float32', channels, divisor: 127.5, offset: 1 },
  result: 'logits',
  size: 'dynamic',
  precision: 'float32',
  version: '',
});

/** Colours from -1 to 1 as a model of another program reads them. */
function inColoursOf(images: Tensor, { mean = [0.5, 0.5, 0.5], deviation = [0.5, 0.5, 0.5] }: ForeignModel): Tensor {
  const perChannel = (values: readonly number[]) => fromArray(values, [1, values.length, 1, 1]);
  const colours = addNumber(scale(images, 0.5), 0.5);
  return divide(subtract(colours, perChannel(mean)), perChannel(deviation));
}

/** What a session gives. */
interface Scores {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** Images `[batch, channels, ...size]` as the model reads them: what the loader has made of bytes, undone, and done as the metadata say. Volumes are prepared. */
export function modelInput(
  images: Tensor,
  { layout, dtype, divisor, offset }: Preprocessing,
  rank: 2 | 3,
): Float32Array | Uint8Array {
  const last = [0, ...images.shape.slice(2).map((_, axis) => axis + 2), 1];
  const values = contiguous(layout === 'channelsLast' ? permute(images, last) : images).data() as Float32Array;
  // Colours are c / 127.5 - 1 here.
  if (rank === 3 || (dtype === 'float32' && divisor === 127.5 && offset === 1)) return values;
  const convert = (value: number) => ((value + 1) * 127.5) / divisor - offset;
  return dtype === 'uint8'
    ? Uint8Array.from(values, (value) => Math.min(255, Math.max(0, Math.round(convert(value)))))
    : Float32Array.from(values, convert);
}

function requireSuited(metadata: ModelMetadata, file: string, student: Student, wanted: readonly number[]): void {
  const { result, size, sideMultiple = 1, preprocessing, preparation } = metadata;
  if (result === 'argmax')
    throw new ConfigError(`teacher: ${file} gives classes, not scores`, 'export it with result=logits');
  const rank = preparation === undefined ? 2 : 3;
  if (rank !== student.rank || preprocessing.channels !== student.channels)
    throw new ConfigError(
      `teacher: ${file} reads ${rank === 2 ? 'images' : 'volumes'} of ${preprocessing.channels} channels, the data are ${student.rank === 2 ? 'images' : 'volumes'} of ${student.channels}`,
      'take a teacher that was trained on such data',
    );
  const crop = `the crop is ${wanted.join(' x ')}${student.reduction === 1 ? '' : ' at the size of the files'}`;
  if (size !== 'dynamic' && size.join() !== wanted.join())
    throw new ConfigError(
      `teacher: ${file} takes inputs of ${size.join(' x ')} only, ${crop}`,
      'export the teacher for any size (size=dynamic), or change crop',
    );
  if (wanted.some((side) => side % sideMultiple !== 0))
    throw new ConfigError(`teacher: ${file} takes sides that are multiples of ${sideMultiple}, ${crop}`, 'change crop');
}
