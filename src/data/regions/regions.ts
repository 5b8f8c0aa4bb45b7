/**
 * @file Regions: sets of classes that may overlap, such as a whole tumour and its core (nnU-Net's region labels). Labels and written predictions stay one
 * class a pixel; a network has one output a region. Pure: an exported model in a browser writes its predictions by the same function.
 */
import type { Region, SegmentationClass } from '../types.ts';

/** Classes, and regions where there are any. */
export interface Outputs {
  readonly classes: readonly SegmentationClass[];
  readonly regions?: readonly Region[];
}

/** What a network of such data has its outputs for, and is scored on: the regions, else the classes. */
export const outputsOf = ({ classes, regions }: Outputs): readonly SegmentationClass[] => regions ?? classes;

/** The names of {@link outputsOf}. */
export const outputNames = (dataset: Outputs): string[] => outputsOf(dataset).map(({ name }) => name);

/** For each class and region whether the class is inside, `[classes, regions]` of 0 and 1. */
export const insideTable = (regions: readonly Region[], classes: number): number[] =>
  Array.from({ length: classes }, (_, id) => regions.map((region) => (region.classes.includes(id) ? 1 : 0))).flat();

/** The pixels of a region in a label map: 1 inside, 0 outside and where nothing counts. */
export function regionMask(ids: Uint8Array, { classes }: Pick<Region, 'classes'>): Uint8Array {
  const inside = new Uint8Array(256);
  for (const id of classes) inside[id] = 1;
  return ids.map((id) => inside[id]);
}

/** The masks of all regions of a label map, `[regions, ...size]`. */
export function toRegions(ids: Uint8Array, regions: readonly Region[]): Uint8Array {
  const masks = new Uint8Array(regions.length * ids.length);
  for (const [i, region] of regions.entries()) masks.set(regionMask(ids, region), i * ids.length);
  return masks;
}

/**
 * One class a pixel from masks `[regions, ...size]`: the written class of the last region that holds the pixel, 0 (the background) where none does. Where
 * regions are nested and each writes the class that the next one lacks, it undoes {@link toRegions}.
 */
export function writeRegions(masks: Uint8Array, regions: readonly Region[]): Uint8Array {
  const pixels = masks.length / regions.length;
  const ids = new Uint8Array(pixels);
  for (const [i, { written }] of regions.entries()) {
    const mask = masks.subarray(i * pixels, (i + 1) * pixels);
    for (let pixel = 0; pixel < pixels; pixel++) if (mask[pixel] !== 0) ids[pixel] = written;
  }
  return ids;
}

/** The shares of regions from those of the classes. */
export const regionShares = (regions: readonly Region[], shares: readonly number[]): number[] =>
  regions.map(({ classes }) => classes.reduce((sum, id) => sum + shares[id], 0));

/** So many classes of a region are named. */
const MOST_NAMED = 12;

/** Such as `whole (oedema, core; writes oedema), core (core; writes core)`. */
export const describeRegions = ({ classes, regions = [] }: Outputs): string =>
  regions
    .map(({ name, classes: ids, written }) => {
      const more = ids.length > MOST_NAMED ? `, ${ids.length - MOST_NAMED} more` : '';
      const named = ids.slice(0, MOST_NAMED).map((id) => classes[id].name);
      return `${name} (${named.join(', ')}${more}; writes ${classes[written].name})`;
    })
    .join(', ');
