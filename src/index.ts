/**
 * @file The library: the loop as functions, architectures as values, tensors and operators to build on.
 */
export {
  ArchitectureError,
  ConfigError,
  DataError,
  EngineError,
  EspalierError,
  GroupError,
  NumericError,
  ShapeError,
  StoppedError,
} from './base/errors.ts';
export type { MeasuredChannels } from './data/channels/format.ts';
export { type ChannelImage, decodeChannels, loadChannels } from './data/channels/read.ts';
export { openDataSet } from './data/detect.ts';
export { decodeImage, loadImage } from './data/images/image.ts';
export { encodePng } from './data/images/png.ts';
export { overlayLabels, paletteOf } from './data/images/visual.ts';
export { toRegions, writeRegions } from './data/regions/regions.ts';
export type { DataSet, Region, SegmentationClass } from './data/types.ts';
export { gradients, noGrad } from './engine/autograd.ts';
export { Generator, memory, threads } from './engine/device.ts';
export * as ops from './engine/operators.ts';
export { fromArray, scope, type Tensor } from './engine/tensor.ts';
export { segment, segmentVolume } from './infer/segment.ts';
export { type DecodeOptions, decodeFile } from './jobs/decode.ts';
export type { EvaluationOutcome } from './jobs/evaluateJob.ts';
export { exportNetwork } from './jobs/export/exportNetwork.ts';
export type { FolderOutcome } from './jobs/export/hub.ts';
export type { ExportOutcome } from './jobs/export/onnx.ts';
export type { LadderDryRun } from './jobs/ladder/dryRun.ts';
export type { LadderOutcome } from './jobs/ladder/ladderRun.ts';
export {
  auto,
  buildNetwork,
  compare,
  type Following,
  type OpenNetwork,
  openNetwork,
  type RunOptions,
  search,
  searchTrials,
  train,
} from './jobs/library.ts';
export {
  type DataCheckOptions,
  dataCheck,
  dryRun,
  evaluate,
  type LatencyOptions,
  latency,
} from './jobs/libraryMeasures.ts';
export type { Comparison } from './jobs/many/compare.ts';
export type { DryRunOfMany } from './jobs/many/dryRun.ts';
export type { SearchTrials } from './jobs/many/trials.ts';
export { readArchitecture } from './jobs/readArchitecture.ts';
export type { SearchOutcome } from './jobs/searchJob.ts';
export type { TrainOutcome } from './jobs/trainJob.ts';
export type { RunWatcher } from './jobs/watcher.ts';
export { diceOf } from './metrics/cases.ts';
export {
  addToConfusion,
  type ConfusionMatrix,
  createConfusion,
  mergeConfusion,
  type SegmentationScores,
  segmentationScores,
} from './metrics/confusion.ts';
export { drawConfusion } from './metrics/drawConfusion.ts';
export { surfaceScores } from './metrics/surface.ts';
export type { Architecture, OrdinaryNetwork } from './models/architecture.ts';
export { buildArchitecture, isGenotype } from './models/architecture.ts';
export { countNetwork, type NetworkCost } from './models/graph.ts';
export type { Network } from './models/network.ts';
export { openModel } from './portable/node.ts';
export type { ClassMap, Segmenter } from './portable/segmenter.ts';
export type {
  AutoDeepLabSearchSettings,
  AutoSettings,
  CompareSettings,
  DintsSearchSettings,
  EvaluateSettings,
  ExportSettings,
  ResumeSettings,
  SearchSettings,
  TrainSettings,
} from './run/config/given.ts';
export { drawCell, drawGenotype, drawPath, drawTrellis } from './space/drawing.ts';
export { formatGenotype, type Genotype, parseGenotype } from './space/genotype.ts';
