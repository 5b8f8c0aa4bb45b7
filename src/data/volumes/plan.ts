/**
 * @file From the fingerprint of a data set to settings to begin with: spacing, normalisation, patch, batch and memory budget, as a YAML
 * file that people read and change, and that `config=` takes.
 */
import { Document, isScalar, visit } from 'yaml';
import type { VolumeSet } from '../types.ts';
import type { VolumeShape } from '../volume.ts';
import type { Fingerprint, Spread } from './fingerprint.ts';
import { type Preparation, standardNormalisation } from './preparation.ts';
import { resampledShape } from './prepare.ts';

/** Proposed settings. */
export interface VolumePlan {
  preparation: Preparation;
  /** Sides `[depth, height, width]`, multiples of 32. */
  crop: [number, number, number];
  /** Patches a step. */
  batch: number;
  /** Memory of the searched network as a share of that of the whole space, from 0 to 1. */
  memoryBudget: number;
}

/** Every side of a patch is a multiple of this: the coarsest level has 1/16 of its voxels, from halves of them. */
const SIDE = 32;

/** Voxels of the largest patch: those of 96^3, the patch of the paper. */
const MOST_VOXELS = 96 ** 3;

/** Most patches a step, however small they are. */
const MOST_PATCHES = 8;

/**
 * Plans: the median spacing; CT between the 0.5th and the 99.5th percentile of its foreground, other modalities volume by volume; the
 * multiple of 32 nearest to the median shape, at most 96^3 voxels; as many patches as make two of those, at most 8 and a quarter of the
 * training volumes; half of the memory.
 */
export function planVolumes(fingerprint: Fingerprint, trainingVolumes: number): VolumePlan {
  const spacing = fingerprint.spacings.median.map((millimetres) => Number(millimetres.toPrecision(5)));
  const spacingMm: NonNullable<Preparation['spacingMm']> = [spacing[0], spacing[1], spacing[2]];
  const [depth, height, width] = fingerprint.extents.median;
  const crop = patchFor(resampledShape([depth, height, width], [1, 1, 1], spacingMm));
  const wanted = Math.floor((2 * MOST_VOXELS) / (crop[0] * crop[1] * crop[2]));
  return {
    preparation: {
      spacingMm,
      normalisation: fingerprint.intensities.map(({ modality, low, high, mean, deviation }) => {
        const standard = standardNormalisation(modality);
        if (standard.kind !== 'window' || !(high > low && deviation > 0)) return standard;
        const [rounded, middle, spread] = [[low, high], [mean], [deviation]].map((list) =>
          list.map((x) => Number(x.toPrecision(5))),
        );
        return { kind: 'window', window: [rounded[0], rounded[1]], mean: middle[0], deviation: spread[0] };
      }),
      cropForeground: true,
    },
    crop,
    batch: Math.max(1, Math.min(MOST_PATCHES, wanted, Math.floor(trainingVolumes / 4))),
    memoryBudget: 0.5,
  };
}

/** The multiples of 32 nearest to a shape, at least 32; the longest side gives way until the patch is no larger than `MOST_VOXELS`. */
export function patchFor(shape: VolumeShape): [number, number, number] {
  const side = (length: number): number => Math.max(SIDE, SIDE * Math.round(length / SIDE));
  const crop: [number, number, number] = [side(shape[0]), side(shape[1]), side(shape[2])];
  while (crop[0] * crop[1] * crop[2] > MOST_VOXELS) crop[crop.indexOf(Math.max(...crop))] -= SIDE;
  return crop;
}

/** The plan as YAML: settings of every command, and a group `search` of those that only a search has. */
export function formatPlan(
  plan: VolumePlan,
  fingerprint: Fingerprint,
  dataset: Pick<VolumeSet, 'name'>,
  path: string,
): string {
  const { shapes, spacings, intensities, volumes } = fingerprint;
  const show = (values: readonly number[]): string => values.map((value) => Number(value.toPrecision(4))).join(' x ');
  const range = ({ smallest, median, largest }: Spread): string =>
    `${show(smallest)} to ${show(largest)}, median ${show(median)}`;
  const settings = {
    data: path,
    crop: plan.crop,
    batch: plan.batch,
    preparation: plan.preparation,
    search: { method: 'dints', budget: { memory: plan.memoryBudget } },
  };
  return [
    `# Proposed for ${JSON.stringify(dataset.name)} from ${volumes} training volumes; change what you know better, then`,
    '#   espalier search config=<this file>',
    '# Axes are depth (up), height (to the front), width (to the right).',
    `# voxels: ${range(shapes)}`,
    `# spacing in mm: ${range(spacings)}`,
    ...intensities.map(
      ({ modality, low, median, high, mean, deviation }) =>
        `# ${modality} in the foreground: 0.5 % ${show([low])}, median ${show([median])}, 99.5 % ${show([high])}, mean ${show([mean])}, deviation ${show([deviation])}`,
    ),
    formatSettings(settings),
  ].join('\n');
}

/** Settings as YAML, lists of numbers on one line. */
function formatSettings(settings: object): string {
  const document = new Document(settings);
  visit(document, {
    Seq(_, list) {
      list.flow = list.items.every(isScalar);
    },
  });
  return document.toString({ flowCollectionPadding: false });
}
