/**
 * @file What a run leaves for people: tables and pictures of a scored split, the drawing of an architecture, the report.
 */
import { join } from 'node:path';
import { shownChannels } from '../../data/channels/format.ts';
import { showSamples } from '../../data/channels/normalise.ts';
import { rasteriseDrawing, samplePicture } from '../../data/images/overlay.ts';
import { toBytes } from '../../data/images/values.ts';
import { createNiftiHeader, encodeNifti } from '../../data/nifti/encode.ts';
import { planesPicture } from '../../data/planes.ts';
import { outputNames } from '../../data/regions/regions.ts';
import { framesOf, toSampleVolume } from '../../data/sampleVolume.ts';
import type { DataSet, SegmentationClass } from '../../data/types.ts';
import type { ScoredImage, Scores } from '../../infer/evaluate.ts';
import type { ScoredVolume } from '../../infer/evaluateVolumes.ts';
import { drawConfusion } from '../../metrics/drawConfusion.ts';
import { confusionCsv, perCaseCsv, perClassCasesCsv, perClassCsv } from '../../metrics/tables.ts';
import type { NetworkGraph } from '../../models/graph.ts';
import { describeGraph, formatGraph, type GraphLatency } from '../../models/graphFile.ts';
import { writeAtomically } from '../../run/files.ts';
import type { RunFolder } from '../../run/folder.ts';
import { drawGenotype } from '../../space/drawing.ts';
import { formatGenotype, type Genotype } from '../../space/genotype.ts';

/** genotype.json and genotype.svg. */
export function writeGenotype(folder: RunFolder, genotype: Genotype): void {
  writeAtomically(folder.genotype, formatGenotype(genotype));
  writeAtomically(folder.genotypeDrawing, drawGenotype(genotype));
}

/** graph.json: the network with what each node costs on one sample of spatial `size`. */
export function writeGraph(
  folder: RunFolder,
  graph: NetworkGraph,
  size: readonly number[],
  latency?: GraphLatency,
): void {
  writeAtomically(join(folder.path, 'graph.json'), formatGraph(describeGraph(graph, size, latency)));
}

/** Where tables and samples of a scored split go. */
export type ScoresFolder = Pick<
  RunFolder,
  'perClassCsv' | 'perCaseCsv' | 'confusionCsv' | 'confusionPicture' | 'samples'
>;

/** per_class.csv, confusion_matrix.csv and confusion_matrix.png; of volumes also per_case.csv. Of regions the matrix is that of the classes written. */
export async function writeScores(
  folder: ScoresFolder,
  dataset: Pick<DataSet, 'classes' | 'regions'>,
  scores: Scores,
): Promise<void> {
  const names = outputNames(dataset);
  const written = dataset.classes.map(({ name }) => name);
  const { volumes } = scores;
  writeAtomically(folder.perClassCsv, volumes ? perClassCasesCsv(names, volumes.summary) : perClassCsv(names, scores));
  if (volumes) writeAtomically(folder.perCaseCsv, perCaseCsv(names, volumes.cases));
  writeAtomically(folder.confusionCsv, confusionCsv(written, scores.confusion));
  writeAtomically(folder.confusionPicture, await rasteriseDrawing(drawConfusion(written, scores.confusion)));
}

/**
 * samples/<name>.png: image, label, prediction, error. Returns the path.
 * @param names of the channels, where the image is not RGB
 */
export function writeSample(
  { samples }: Pick<ScoresFolder, 'samples'>,
  name: string,
  classes: readonly SegmentationClass[],
  picture: ScoredImage,
  names?: readonly string[],
): string {
  const path = join(samples, `${name}.png`);
  const image = names ? showSamples(picture.image, names.length, shownChannels(names)) : toBytes(picture.image);
  writeAtomically(path, samplePicture({ ...picture, image, classes }));
  return path;
}

/** samples/<name>.png: three slices of a volume; samples/<name>.nii.gz: all of it, for the viewer of the dashboard. */
export function writeVolumeSample(
  { samples: folder }: Pick<ScoresFolder, 'samples'>,
  name: string,
  classes: readonly SegmentationClass[],
  volume: ScoredVolume,
): void {
  const stem = join(folder, name);
  writeAtomically(`${stem}.png`, planesPicture({ ...volume, classes }));
  const { samples, ...grid } = framesOf(toSampleVolume(volume));
  writeAtomically(`${stem}.nii.gz`, encodeNifti(createNiftiHeader(grid), samples));
}
