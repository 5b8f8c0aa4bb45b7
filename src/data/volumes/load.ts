/**
 * @file A volume by reference to a volume in memory: reads its files, or paints a phantom, and holds its parts to one grid.
 */
import { stat } from 'node:fs/promises';
import { DataError } from '../../base/errors.ts';
import { readDicomSeries } from '../dicom/series.ts';
import { createNiftiHeader } from '../nifti/encode.ts';
import type { NiftiHeader } from '../nifti/header.ts';
import { niftiRawLabels, toLabelVolume } from '../nifti/labels.ts';
import { readNifti } from '../nifti/read.ts';
import { niftiVolume } from '../nifti/volume.ts';
import type { Sample, VolumeSet, VolumeSource } from '../types.ts';
import { type Affine, type LabelVolume, sameGrid, spacingOf, type Volume } from '../volume.ts';
import { paintPhantom } from './phantoms.ts';

/** What reading a volume takes of its data set. */
export type VolumeFormat = Pick<VolumeSet, 'labelMap' | 'modalities' | 'ignoredLabels'>;

/** A volume as its files have it. */
export interface LoadedVolume {
  readonly image: Volume;
  /** Absent when there is no label file. */
  readonly label?: LabelVolume;
  /** The header that a prediction on this grid is written with. */
  readonly header: NiftiHeader;
}

/** The source of a sample of volumes; an image is a `DataError`. */
export function volumeSourceOf({ id, source }: Sample): VolumeSource {
  if (source.kind === 'volume' || source.kind === 'phantom') return source;
  throw new DataError(`${id}: expected a volume, got an image`);
}

/**
 * Loads one sample. Throws a `DataError` that names the file: unreadable, channels that are not one for each modality, grids that
 * differ, label values that are no classes.
 */
export async function loadVolume(format: VolumeFormat, sample: Sample): Promise<LoadedVolume> {
  const source = volumeSourceOf(sample);
  if (source.kind === 'phantom') {
    const { image, label } = paintPhantom(source.seed, source.shape);
    return { image, label, header: headerFor(image) };
  }
  const { image, header } = await loadModalities(source.images, format.modalities);
  if (source.label === undefined) return { image, header };
  const label = toLabelVolume(
    niftiRawLabels(await readNifti(source.label), source.label, format.ignoredLabels),
    format.labelMap,
    source.label,
  );
  requireSameGrid(label, source.label, image, source.images[0]);
  return { image, label, header };
}

/** The channels of one volume from its files: NIfTI, or folders of DICOM slices. */
export async function loadModalities(
  files: readonly string[],
  modalities: readonly string[],
): Promise<{ image: Volume; header: NiftiHeader }> {
  const parts: { volume: Volume; header: NiftiHeader }[] = [];
  for (const file of files) {
    const part = await loadPart(file);
    if (parts.length > 0) requireSameGrid(part.volume, file, parts[0].volume, files[0]);
    parts.push(part);
  }
  const [{ volume: first, header }] = parts;
  const channels = parts.reduce((sum, { volume }) => sum + volume.channels, 0);
  if (channels !== modalities.length) throw channelError(files, channels, modalities);
  if (parts.length === 1) return { image: first, header };
  const data = new Float32Array(channels * first.shape[0] * first.shape[1] * first.shape[2]);
  let at = 0;
  for (const { volume } of parts) {
    data.set(volume.data, at);
    at += volume.data.length;
  }
  return { image: { ...first, channels, data }, header };
}

async function loadPart(file: string): Promise<{ volume: Volume; header: NiftiHeader }> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isDirectory()) {
    const volume = await readDicomSeries(file);
    return { volume, header: headerFor(volume) };
  }
  const image = await readNifti(file);
  return { volume: niftiVolume(image, file), header: image.header };
}

const headerFor = ({ shape: [z, y, x], affine }: Volume): NiftiHeader =>
  createNiftiHeader({ shape: [x, y, z], affine });

function channelError(files: readonly string[], channels: number, modalities: readonly string[]): DataError {
  const names = modalities.join(', ');
  const what = files.length === 1 ? files[0] : `${files[0]} and ${files.length - 1} more`;
  return channels > modalities.length
    ? new DataError(
        `${what}: ${channels} channels where ${modalities.length} ${modalities.length === 1 ? 'is' : 'are'} meant (${names})`,
        'a volume of one modality has three axes: take one of the fourth, or name every modality in dataset.json',
      )
    : new DataError(`${what}: ${channels} of the ${modalities.length} modalities (${names})`, 'add the missing ones');
}

/** Grids whose corners lie less than this part of a voxel apart are one: forms are stored in few digits. */
const TOLERANCE = 0.1;

interface Grid {
  readonly shape: Volume['shape'];
  readonly affine: Affine;
}

/** Throws a `DataError` when a part of a sample does not lie on the grid of its image. */
export function requireSameGrid(part: Grid, partFile: string, image: Grid, imageFile: string): void {
  const tolerance = TOLERANCE * Math.min(...spacingOf(image.affine));
  if (sameGrid(part, image, tolerance)) return;
  const size = ({ shape: [z, y, x] }: Grid) => `${x}x${y}x${z}`;
  if (size(part) !== size(image)) {
    throw new DataError(
      `${partFile}: has ${size(part)} voxels, ${imageFile} has ${size(image)}`,
      'resample it to the grid of the image, labels with the nearest neighbour',
    );
  }
  throw new DataError(
    `${partFile}: lies elsewhere in space than ${imageFile} (their affines differ)`,
    'copy the affine of the image if both have the same voxels, else resample',
  );
}
