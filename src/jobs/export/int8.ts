/**
 * @file A model of 8-bit convolutions: ranges of its values by training images, and what it loses against the float32 model on validation images.
 */
import { ConfigError, NumericError } from '../../base/errors.ts';
import { describeChannels } from '../../data/channels/format.ts';
import { toBytes } from '../../data/images/values.ts';
import { evaluationBatches } from '../../data/loader/loader.ts';
import type { DataSet, Sample } from '../../data/types.ts';
import type { OnnxModel } from '../../export/onnx/proto.ts';
import { encodeModel } from '../../export/onnx/proto.ts';
import { quantise, type ValueRange, valuesToRound, withOutputs } from '../../export/onnx/quantise.ts';
import { addToConfusion, createConfusion, segmentationScores } from '../../metrics/confusion.ts';
import type { ModelMetadata } from '../../portable/metadata.ts';
import { formatMetadata } from '../../portable/metadata.ts';
import { sessionOptions } from '../../portable/node.ts';
import { toInput } from '../../portable/pixels.ts';
import { loadRuntime } from '../../portable/runtime.ts';
import { createSegmenter } from '../../portable/segmenter.ts';

/** Validation images on which both models are compared. */
const COMPARED = 32;
/** Of every calibration image the middle counts, at most so many pixels a side. */
const CALIBRATED_SIDE = 256;
/** Values of each tensor and image that its range is taken of, and the share of them that may lie beyond each end. */
const VALUES = 2 ** 16;
const BEYOND = 1e-4;
/** What 8 bits may cost: least share of pixels of the same class, and mIoU. */
const LEAST_AGREEMENT = 0.98;
const MOST_LOST = 0.01;

/** What 8 bits changed. */
export interface QuantisationReport {
  /** Training images that gave the ranges. */
  readonly calibration: number;
  /** Validation images on which the models were compared. */
  readonly samples: number;
  /** Share of their labelled pixels that have the same class in both. */
  readonly agreement: number;
  /** mIoU on them, of the float32 model and of this one. */
  readonly miou: { readonly before: number; readonly after: number };
  /** Convolutions that compute in 8 bits. */
  readonly convolutions: number;
  /** Nodes that compute in float32, by operator. */
  readonly float: Readonly<Record<string, number>>;
}

/**
 * The bytes of the model in 8 bits.
 * @param model in float32
 * @param count images of the training split that give the ranges
 * @throws ConfigError for volumes or a fixed size; NumericError when it is too far from the float32 model.
 */
export async function quantisedModel(
  model: OnnxModel,
  metadata: ModelMetadata,
  dataset: DataSet | undefined,
  { calibration: count, threads }: { readonly calibration: number; readonly threads: number },
): Promise<{ bytes: Uint8Array; metadata: ModelMetadata; report: QuantisationReport }> {
  if (dataset === undefined || dataset.rank !== 2)
    throw new ConfigError(
      'precision=int8 needs the images that the run was trained on, to see the ranges of its values',
      dataset === undefined ? 'give them their old place, or export in float32' : 'export volumes in float32',
    );
  if (metadata.channels !== undefined)
    throw new ConfigError(
      `precision=int8 is for images of 8-bit RGB, got ${describeChannels(metadata.channels)}`,
      'export with precision=float32 or float16',
    );
  if (metadata.size !== 'dynamic') throw new ConfigError('precision=int8 is for models of any size', 'leave size out');
  const { train, val } = dataset.splits;
  const chosen = spread(train, count);
  const ranges = await calibrate(model, metadata, dataset, chosen, threads);
  const quantised = quantise(model, ranges);
  const own: ModelMetadata = { ...metadata, precision: 'int8' };
  const bytes = encodeModel({ ...quantised.model, metadata: formatMetadata(own) });
  const compared = await compare(encodeModel(model), bytes, dataset, spread(val, COMPARED), threads);
  const { convolutions, float } = quantised;
  const report = { calibration: chosen.length, ...compared, convolutions, float };
  const lost = compared.miou.before - compared.miou.after;
  if (!(compared.agreement >= LEAST_AGREEMENT && lost <= MOST_LOST))
    throw new NumericError(
      `the 8-bit model differs too much: ${describeQuantisation(report)}`,
      `nothing was written; give more images (calibration=${4 * count}), or export with precision=float16`,
    );
  return { bytes, metadata: own, report };
}

/** What 8 bits changed, in words. */
export function describeQuantisation({
  agreement,
  miou,
  samples,
  calibration,
  convolutions,
  float,
}: QuantisationReport): string {
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const kept = Object.entries(float).map(([operator, nodes]) => `${nodes} ${operator}`);
  return (
    `classes agree on ${percent(agreement)} of pixels (at least ${100 * LEAST_AGREEMENT} % expected), ` +
    `mIoU ${percent(miou.before)} in float32 and ${percent(miou.after)} in 8 bits (at most ${100 * MOST_LOST} points less expected) on ${samples} validation images; ` +
    `ranges of ${calibration} training images; ${convolutions} convolutions in 8 bits, in float32 ${kept.join(', ')}`
  );
}

/** At most `count` of the samples, evenly spread. */
const spread = (samples: readonly Sample[], count: number): readonly Sample[] => {
  const number = Math.min(count, samples.length);
  return Array.from({ length: number }, (_, i) => samples[Math.floor((i * samples.length) / number)]);
};

/** The ranges of all values that are rounded, over the middles of some images. */
async function calibrate(
  model: OnnxModel,
  { preprocessing, sideMultiple = 1 }: ModelMetadata,
  dataset: DataSet,
  samples: readonly Sample[],
  threads: number,
): Promise<Map<string, ValueRange>> {
  const runtime = await loadRuntime();
  const values = valuesToRound(model);
  const session = await runtime.InferenceSession.create(
    encodeModel(withOutputs(model, values, 2)),
    sessionOptions(threads),
  );
  const ranges = new Map<string, ValueRange>();
  for await (const { images, size } of evaluationBatches(dataset, samples)) {
    const middle = cutMiddle(toBytes(images), size, sideMultiple);
    const { width, height } = middle;
    const shape = preprocessing.layout === 'channelsLast' ? [1, height, width, 3] : [1, 3, height, width];
    const feed = new runtime.Tensor(preprocessing.dtype, toInput(middle, preprocessing), shape);
    const outputs = await session.run({ [session.inputNames[0]]: feed }, values);
    for (const value of values) {
      const seen = rangeOf(outputs[value].data as Float32Array);
      const before = ranges.get(value) ?? seen;
      ranges.set(value, { low: Math.min(before.low, seen.low), high: Math.max(before.high, seen.high) });
    }
  }
  await session.release();
  return ranges;
}

/** The middle of an image, of sides that the model takes. */
function cutMiddle(data: Uint8Array, [rows, columns]: readonly number[], multiple: number) {
  const side = (length: number) => multiple * Math.max(1, Math.floor(Math.min(length, CALIBRATED_SIDE) / multiple));
  const [height, width] = [Math.min(rows, side(rows)), Math.min(columns, side(columns))];
  const [top, left] = [(rows - height) >> 1, (columns - width) >> 1];
  const cut = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    const from = 3 * ((top + y) * columns + left);
    cut.set(data.subarray(from, from + 3 * width), 3 * y * width);
  }
  return { width, height, data: cut };
}

/** From the smallest to the largest of some values, but for a few at each end. */
function rangeOf(values: Float32Array): ValueRange {
  const step = Math.max(1, Math.ceil(values.length / VALUES));
  const sorted = Float32Array.from({ length: Math.ceil(values.length / step) }, (_, i) => values[i * step]).sort();
  const beyond = Math.floor(BEYOND * sorted.length);
  return { low: sorted[beyond], high: sorted[sorted.length - 1 - beyond] };
}

/** Both models on the same images. */
async function compare(
  before: Uint8Array,
  after: Uint8Array,
  dataset: DataSet,
  samples: readonly Sample[],
  threads: number,
): Promise<Pick<QuantisationReport, 'samples' | 'agreement' | 'miou'>> {
  const runtime = await loadRuntime();
  const open = (bytes: Uint8Array, name: string) => createSegmenter(runtime, bytes, name, sessionOptions(threads));
  const models = [await open(before, 'the model in float32'), await open(after, 'the model in 8 bits')];
  const confusions = models.map(() => createConfusion(dataset.classes.length));
  let [equal, pixels] = [0, 0];
  for await (const { images, labels, size } of evaluationBatches(dataset, samples)) {
    const [height, width] = size;
    const picture = { width, height, data: toBytes(images) };
    const maps: Uint8Array[] = [];
    for (const model of models) maps.push((await model.segment(picture)).ids);
    maps.forEach((ids, i) => {
      addToConfusion(confusions[i], ids, labels, dataset.ignore);
    });
    labels.forEach((label, i) => {
      if (label === dataset.ignore) return;
      pixels++;
      if (maps[0][i] === maps[1][i]) equal++;
    });
  }
  for (const model of models) await model.release();
  const [first, second] = confusions.map((confusion) => segmentationScores(confusion).miou);
  return { samples: samples.length, agreement: equal / pixels, miou: { before: first, after: second } };
}
