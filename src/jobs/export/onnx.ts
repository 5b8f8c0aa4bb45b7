/**
 * @file The network of a run as a file that runs elsewhere, held against the engine before it is written. What `espalier export` and the library call.
 */
import { join } from 'node:path';
import { ConfigError, DataError, NumericError } from '../../base/errors.ts';
import { createRandom } from '../../base/random.ts';
import { onBytes } from '../../data/images/values.ts';
import { batchOf, type LoadedBatch, type PixelBatch } from '../../data/loader/batch.ts';
import { evaluationBatches } from '../../data/loader/loader.ts';
import { filesOfDataSet } from '../../data/splits.ts';
import type { DataSet } from '../../data/types.ts';
import { Generator } from '../../engine/device.ts';
import * as op from '../../engine/operators.ts';
import { scope } from '../../engine/tensor.ts';
import { buildOnnx, type ExportedNetwork, type OnnxOptions } from '../../export/onnx/model.ts';
import { encodeModel } from '../../export/onnx/proto.ts';
import { toTensors } from '../../infer/batch.ts';
import { type Architecture, isGenotype } from '../../models/architecture.ts';
import type { Network } from '../../models/network.ts';
import { hasBudget, requireWithin } from '../../models/width.ts';
import { exactnessOf, MAX_INPUT, type ModelMetadata } from '../../portable/metadata.ts';
import { readModelMetadata } from '../../portable/modelFile.ts';
import type { ExportConfig } from '../../run/config/schemas/export.ts';
import { writeAtomically } from '../../run/files.ts';
import type { RunFolder } from '../../run/folder.ts';
import { loadConfigFile } from '../../run/openRun.ts';
import { recordFiles, requireFreeOutputs } from '../../run/outputs.ts';
import { formatGenotype } from '../../space/genotype.ts';
import { storeTensors } from '../checkpoint/tensors.ts';
import { measureLatency } from '../cost/latency/measure.ts';
import { budgetPredictor, threadsOf } from '../cost/latency/table.ts';
import { type Ensemble, loadMembers, type Member, withNetworks } from '../ensemble/members.ts';
import { prepareMachine, versions } from '../machine.ts';
import type { NetworkDescription } from '../network.ts';
import { openRunData } from '../openData.ts';
import { type QuantisationReport, quantisedModel } from './int8.ts';
import { HALF_AGREEMENT, inFloat64, isParity, measureParity, type Parity, parityLimit } from './parity.ts';

/** A file that was written, and how far it is from the engine. */
export interface ExportOutcome {
  readonly file: string;
  readonly bytes: number;
  readonly metadata: ModelMetadata;
  /** Of a model of 8 bits: of the float32 model that it was made of. */
  readonly parity: Parity;
  /** What 8 bits changed. */
  readonly quantisation?: QuantisationReport;
  /** What both were given: the sample of the data, where it is there, and random inputs. */
  readonly samples: readonly string[];
  /** Milliseconds of one inference in onnxruntime, in float32: the median of repeats. */
  readonly latency: { readonly ms: number; readonly size: readonly number[]; readonly threads: number };
}

/** Sizes of random inputs where any size may come: neither square nor a multiple of a stride. */
const RANDOM_SIZES: Record<2 | 3, readonly (readonly number[])[]> = {
  2: [
    [65, 97],
    [70, 51],
  ],
  3: [
    [32, 32, 32],
    [16, 40, 36],
  ],
};
/** A volume of the data is brought to at most so many voxels a side: a whole one takes minutes. */
const VOLUME_SIDE = 96;

/**
 * Exports the network of a run to ONNX; see `espalier export --help`. `given` are further files that were read and may not be written to.
 * @throws NumericError, and writes nothing, when the model differs from the engine by more than rounding.
 */
export async function exportOnnx(config: ExportConfig, given: readonly string[] = []): Promise<ExportOutcome> {
  if (config.size !== 'dynamic' && config.size.reduce((a, b) => a * b) > MAX_INPUT)
    throw new ConfigError(
      `size: expected at most ${MAX_INPUT} pixels in all, got ${config.size.join(' x ')}`,
      'export it with a smaller size or with size=dynamic, and predict in windows',
    );
  prepareMachine({ device: 'cpu', threads: config.threads });
  const ensemble = loadMembers(config.run, config.checkpoint, new Generator(0), 'cpu');
  const { members, description } = ensemble;
  const [{ folder, network }] = members;
  if (hasBudget(config.budget)) requireBudget(config, ensemble);
  const file = config.output ?? join(folder.exports, members.length === 1 ? 'model.onnx' : 'ensemble.onnx');
  const found = await findData(folder, description);
  requireFreeOutputs({
    outputs: [file],
    inputs: [...members.flatMap((member) => recordFiles(member.folder)), ...(found?.files ?? []), ...given],
    inside: config.output === undefined ? folder.path : undefined,
  });
  const model = buildOnnx(members.map(exportedNetwork), { ...onnxOptions(config), version: versions().espalier });
  const plain = encodeModel(model);
  const metadata = readModelMetadata(plain, file);
  const onGrid = description.images || description.volumes ? (values: Float32Array) => values : onBytes;
  const samples = await samplesOf(found?.dataset, network, metadata.sideMultiple, config, onGrid);
  const precise = withNetworks(members.map((member) => ({ ...member, network: inFloat64(member.network) })));
  const parity = await measureParity(
    plain,
    metadata,
    ensemble.forward(),
    precise.forward(),
    [...samples.values()],
    config.threads,
  );
  precise.free();
  if (!isParity(parity, exactnessOf(metadata))) {
    throw new NumericError(
      `the model differs from the engine: ${describeParity(parity, metadata)}`,
      'nothing was written; please report this with the genotype',
    );
  }
  const rounded =
    config.precision === 'int8' ? await quantisedModel(model, metadata, found?.dataset, config) : undefined;
  const { bytes } = rounded ?? { bytes: plain };
  writeAtomically(file, bytes);
  const [{ size }] = samples.values();
  const threads = threadsOf(config.threads);
  let ms = 0;
  for (const member of members) ms += await measureLatency(member.network.graph, size, 'onnxruntime', threads);
  const latency = { ms, size, threads };
  return {
    file,
    bytes: bytes.byteLength,
    metadata: rounded?.metadata ?? metadata,
    parity,
    ...(rounded ? { quantisation: rounded.report } : {}),
    samples: [...samples.keys()],
    latency,
  };
}

/** @throws ConfigError naming the limit that a network exceeds; of several each has to keep it. */
function requireBudget(config: ExportConfig, { members, description }: Ensemble): void {
  const size = budgetSize(config, description);
  for (const { network } of members)
    requireWithin(network.graph, config.budget, size, budgetPredictor(config.budget, config));
}

/** The input that a budget is counted for: the fixed size, or that of the windows of volumes. */
function budgetSize({ size }: ExportConfig, { volumes }: NetworkDescription): readonly number[] {
  if (size !== 'dynamic') return size;
  if (volumes) return volumes.window;
  throw new ConfigError('budget: expected the size of an image, got size=dynamic', 'add size=[height,width]');
}

/** How far a model and the engine are apart, and how far they may be, in words. */
export function describeParity(
  parity: Parity,
  metadata: Pick<ModelMetadata, 'precision' | 'weights' | 'result'>,
): string {
  const { result } = metadata;
  const { largestDifference, agreement } = parity;
  const classes = `classes agree on ${(100 * agreement).toFixed(3)} % of pixels`;
  if (largestDifference === null) return `${classes} (at least ${100 * HALF_AGREEMENT} % expected)`;
  const difference = `largest difference of ${result === 'logits' ? 'logits' : 'probabilities'} ${largestDifference.toExponential(1)}`;
  return exactnessOf(metadata) === 'float32'
    ? `${difference} (at most ${parityLimit(parity).toExponential(1)} expected; the engine's own float32 error is ${parity.rounding.toExponential(1)}), ${classes}`
    : `${difference}, ${classes} (at least ${100 * HALF_AGREEMENT} % expected)`;
}

function exportedNetwork({ network, description }: Member): ExportedNetwork {
  const { classes, regions, reduction, longSide, architecture, images } = description;
  return {
    graph: network.graph,
    tensors: storeTensors(network.parameters.entries()),
    classes,
    ...(regions === undefined ? {} : { regions }),
    reduction,
    ...(longSide === undefined ? {} : { longSide }),
    ...(images === undefined ? {} : { channels: images }),
    architecture: formatArchitecture(architecture),
  };
}

/** A genotype file, or the name of an ordinary network and its options, as JSON text. */
export const formatArchitecture = (architecture: Architecture): string =>
  isGenotype(architecture) ? formatGenotype(architecture) : `${JSON.stringify(architecture, null, 1)}\n`;

const onnxOptions = ({
  size,
  batch,
  precision,
  weights,
  normalise,
  result,
}: ExportConfig): Omit<OnnxOptions, 'version'> => ({
  size,
  batch,
  // A model of 8 bits is made of one in float32.
  precision: precision === 'float16' ? 'float16' : 'float32',
  weights: precision === 'float32' ? weights : 'float32',
  normalise,
  result,
});

/** The nearest values that samples can have: those of bytes, or any. */
type OnGrid = (values: Float32Array) => Float32Array;

/** What is compared, by name: a sample of the run's data, when it is still where it was, and random inputs. */
async function samplesOf(
  dataset: DataSet | undefined,
  { graph }: Network,
  sideMultiple: number | undefined,
  { size, batch }: ExportConfig,
  onGrid: OnGrid,
): Promise<Map<string, PixelBatch>> {
  const samples = new Map<string, PixelBatch>();
  const real = dataset && (await readSample(dataset));
  const count = batch === 'dynamic' ? 1 : batch;
  const valid = (one: readonly number[]) =>
    one.map((side) => nextMultiple(graph.rank === 3 ? Math.min(side, VOLUME_SIDE) : side, sideMultiple));
  if (real) samples.set(real.ids[0], fitted(real, size === 'dynamic' ? valid(real.size) : size, count, onGrid));
  const sizes = size === 'dynamic' ? RANDOM_SIZES[graph.rank].map(valid) : [size];
  const [first] = graph.nodes;
  const channels = first.kind === 'input' ? first.channels : 3;
  // Where any number may come at a time, two do.
  for (const [i, one] of sizes.entries())
    samples.set(`random [${one.join(', ')}]`, randomSample(i, one, channels, batch === 'dynamic' ? 2 : batch, onGrid));
  return samples;
}

const nextMultiple = (side: number, multiple = 1): number => multiple * Math.ceil(side / multiple);

/** The data of a run and all files of them; undefined when the data are not here. */
async function findData(
  folder: RunFolder,
  description: NetworkDescription,
): Promise<{ dataset: DataSet; files: string[] } | undefined> {
  try {
    const { dataset } = await openRunData(folder, description);
    return { dataset, files: filesOfDataSet(dataset, String(loadConfigFile(folder.config).data)) };
  } catch (error) {
    if (!(error instanceof DataError || error instanceof ConfigError)) throw error;
  }
  return undefined;
}

/** The first validation sample; undefined when it cannot be read. */
async function readSample(dataset: DataSet): Promise<LoadedBatch | undefined> {
  try {
    for await (const batch of evaluationBatches(dataset, dataset.splits.val.slice(0, 1))) return batch;
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
  }
  return undefined;
}

/** A sample at the size and the number that a model takes; pixels of RGB have values that bytes can have. */
function fitted(sample: PixelBatch, size: readonly number[], count: number, onGrid: OnGrid): PixelBatch {
  return scope(() => {
    const whole = op.resize(toTensors(sample, 'cpu').images, size);
    const several = op.concat(Array(count).fill(whole), 0);
    const last = op.permute(several, [0, ...size.map((_, axis) => axis + 2), 1]);
    const values = op.contiguous(last).data() as Float32Array;
    return batchOf(onGrid(values), size, sample.channels);
  });
}

function randomSample(
  seed: number,
  size: readonly number[],
  channels: number,
  count: number,
  onGrid: OnGrid,
): PixelBatch {
  const random = createRandom(seed, 0x0a11);
  const length = size.reduce((product, side) => product * side, count * channels);
  return batchOf(onGrid(Float32Array.from({ length }, () => 2 * random.uniform() - 1)), size, channels);
}
