/**
 * @file What a training is made of before its first step: its data, its network and optimiser, the memory that it is about to need. Writes nothing.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, DataError } from '../../base/errors.ts';
import { requireMeasured } from '../../data/channels/format.ts';
import { samplesOf, submissionValues } from '../../data/splits.ts';
import { type DataSet, type ImageSet, ownChannels, type VolumeSet } from '../../data/types.ts';
import { Generator, memory } from '../../engine/device.ts';
import type { VolumeDescription } from '../../infer/segment.ts';
import { type Architecture, buildArchitecture } from '../../models/architecture.ts';
import { estimateMemory } from '../../models/memory.ts';
import { stageOfTensor } from '../../models/stages.ts';
import { type FittedWidth, hasBudget } from '../../models/width.ts';
import { adam, sgd } from '../../nn/optimisers.ts';
import { type Parallel, sharedNorms } from '../../parallel/parallel.ts';
import { hasCheckpoint } from '../../run/checkpoint.ts';
import { settings } from '../../run/config/presets.ts';
import type { TrainConfig } from '../../run/config/schemas/train.ts';
import { openRunFolder } from '../../run/folder.ts';
import type { Distillation } from '../../train/distillation.ts';
import { startOfTraining, type Training } from '../../train/trainState.ts';
import { type MemoryNeed, memoryNeed, trainingStepBytes } from '../cost/memoryNeed.ts';
import { prepareMachine } from '../machine.ts';
import { createDescribed, loadDescription, type NetworkDescription } from '../network.ts';
import { readArchitecture } from '../readArchitecture.ts';
import { trainSettings } from '../settings.ts';
import { openTeacher } from '../teacher/openTeacher.ts';
import { frozenStages, learningRates } from '../weights/fineTuning.ts';
import { startFrom } from '../weights/startWeights.ts';
import { withCountedSize } from './countedSize.ts';
import { type PreparedData, prepareData } from './data.ts';
import { fitToBudget, networkOptions } from './networkOptions.ts';
import { refuseUnusedSettings } from './unusedSettings.ts';

/** Everything that a training needs, from its settings. */
export interface PreparedTraining {
  readonly training: Training;
  readonly description: NetworkDescription;
  /** Its train is every split that is trained on. */
  readonly dataset: DataSet;
  readonly data: PreparedData;
  readonly device: string;
  /** The teacher, where there is one; the loop closes it. */
  readonly distillation?: Distillation;
  /** What the training is about to need; counted on the CPU. */
  readonly need?: MemoryNeed;
  /** Where the weights come from, when they are not fresh. */
  readonly note?: string;
  /** How the network was brought to its budget, where it has one. */
  readonly fitted?: FittedWidth;
}

/** A resumed run takes the architecture in its folder, if it has one yet; the first rank reads it. */
export async function prepareTraining(
  config: TrainConfig,
  parallel: Parallel,
  folder?: string,
): Promise<PreparedTraining> {
  const source = folder !== undefined && existsSync(join(folder, 'network.json')) ? folder : config.arch;
  const [architecture] = await parallel.gather(parallel.rank === 0 ? readArchitecture(source) : undefined);
  if (architecture === undefined) throw new RangeError('the first rank has read the architecture');
  const device = prepareMachine(config, parallel);
  const data = await prepareData(config, parallel, folder);
  const { dataset: opened } = data;
  if (folder === undefined) refuseUnusedSettings(settings.train, config, opened.rank);
  const dataset = {
    ...opened,
    splits: { ...opened.splits, train: config.trainOn.flatMap((name) => samplesOf(opened, name)) },
  };
  checkTrain(config, dataset);
  const counted = await withCountedSize(config, dataset, trainSettings(config, dataset.rank).crop, parallel);
  // A table of latencies may differ by machine and in time: the first rank decides, and a run keeps the widths that it started with.
  const [solved] = await parallel.gather(
    parallel.rank === 0 ? widthsOf(architecture, counted, dataset, source === folder ? folder : undefined) : undefined,
  );
  const { options, fitted } = solved as SolvedWidths;
  const description: NetworkDescription = {
    architecture,
    options,
    classes: dataset.classes,
    ...(dataset.regions ? { regions: dataset.regions } : {}),
    submissionValues: submissionValues(dataset),
    reduction: config.scale,
    longSide: config.longSide,
    ...(dataset.rank === 3 ? { volumes: volumeDescription(config, dataset) } : imageDescription(dataset)),
  };
  const training = createTraining(description, config, device, parallel);
  if (config.deepSupervision && !training.network.graph.auxiliary)
    throw new ConfigError(
      'deepSupervision: this network gives logits at one level only',
      'leave it out, or take arch=unet',
    );
  // The other ranks get all weights from the first, and a resumed run has its own.
  const { from, map } = config;
  const isStarted = folder !== undefined && hasCheckpoint(openRunFolder(folder).last);
  const note =
    from === undefined || isStarted || parallel.rank > 0
      ? undefined
      : startFrom({ from, map }, training.network, description);
  const { graph } = training.network;
  const { crop } = trainSettings(config, dataset.rank);
  const part = Math.ceil(config.batch / (config.accumulate * parallel.size));
  const { stepBytes, weightBytes } = estimateMemory(graph, crop, part);
  const need =
    device === 'cpu'
      ? memoryNeed(memory().residentBytes + trainingStepBytes(stepBytes, weightBytes), parallel.localSize)
      : undefined;
  const distillation = await openTeacher(config, dataset, device, parallel);
  return { training, description, dataset, data, device, distillation, need, note, fitted };
}

interface SolvedWidths {
  readonly options: NetworkDescription['options'];
  readonly fitted?: FittedWidth;
}

/** The options of the network; of a run with a budget that has begun those in its folder. */
function widthsOf(architecture: Architecture, config: TrainConfig, dataset: DataSet, begun?: string): SolvedWidths {
  if (begun !== undefined && hasBudget(config.budget))
    return { options: loadDescription(openRunFolder(begun)).options };
  const fitted = fitToBudget(architecture, config, dataset);
  return { options: fitted?.options ?? networkOptions(architecture, config, dataset), ...(fitted ? { fitted } : {}) };
}

function volumeDescription(config: TrainConfig, { modalities, preparation }: VolumeSet): VolumeDescription {
  return { modalities, preparation, window: trainSettings(config, 3).crop, largestComponents: [] };
}

function imageDescription(dataset: ImageSet): Pick<NetworkDescription, 'images'> {
  const channels = ownChannels(dataset);
  return channels ? { images: requireMeasured(channels) } : {};
}

function checkTrain(config: TrainConfig, { name, splits }: DataSet): void {
  if (config.trainOn.includes('test'))
    throw new ConfigError('trainOn: the test part is never trained on', 'leave it out');
  if (config.map !== undefined && config.from === undefined)
    throw new ConfigError('map has no effect without from', 'name the safetensors file to start from');
  if (config.norms === 'frozen' && config.from === undefined)
    throw new ConfigError(
      'norms=frozen without from: they would keep their initial values',
      'name the run to start from',
    );
  if (splits.val.length === 0)
    throw new DataError(`${name} has no validation samples`, 'add a val split: training is judged on it');
}

function createTraining(
  description: NetworkDescription,
  config: TrainConfig,
  device: string,
  parallel: Parallel,
): Training {
  const generator = new Generator(config.seed);
  const graph = buildArchitecture(description.architecture, description.options);
  const frozen = frozenStages(config, graph);
  const network = createDescribed(description, generator, device, {
    dropPathKeep: config.dropPathKeep,
    frozenStages: frozen,
    ...sharedNorms(config, parallel),
  });
  const { momentum, decay } = config;
  const rateOf = learningRates(config, graph);
  const rates = rateOf === undefined ? {} : { rateOf };
  const stageOf = stageOfTensor(graph);
  const norms = network.graph.nodes.flatMap(({ kind, name }) =>
    kind === 'norm' ? [`${name}.weight`, `${name}.bias`] : [],
  );
  const kept = new Set(config.norms === 'frozen' ? norms : []);
  const isTrained = ({ name }: { readonly name: string }) => !kept.has(name) && !frozen.has(stageOf(name));
  const parameters = network.parameters.parameters().filter(isTrained);
  return {
    network,
    optimiser:
      config.optimizer === 'sgd'
        ? sgd(parameters, { momentum, decay, ...rates })
        : adam(parameters, { decay, decoupled: true, ...rates }),
    averaged: config.ema > 0 ? createDescribed(description, new Generator(0), device, { frozenStages: frozen }) : null,
    generator,
    progress: startOfTraining(),
  };
}
