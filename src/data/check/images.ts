/**
 * @file Reads a data set of images through and says what is in it and what is wrong.
 */

import { appendAll } from '../../base/lists.ts';
import type { ChannelFile } from '../channels/read.ts';
import { createChannelStatistics, MEASURED_IMAGES } from '../channels/statistics.ts';
import type { ImageFile } from '../images/image.ts';
import { BINARY_FIX, colourAt, colourKey, looksBinary, readLabelIds, shiftedFix } from '../images/labelIds.ts';
import { loadLabels } from '../images/labels.ts';
import { FROM_MASKS } from '../layouts/folder.ts';
import { loadStoredLabels } from '../outlines/labels.ts';
import { loadStoredImage, requireSameSize } from '../sample.ts';
import { paintScene } from '../scenes/scenes.ts';
import { IGNORE, type ImageSet, ownChannels, type Raster, type Sample } from '../types.ts';
import { adviceOn } from './advice.ts';
import { createLikeness } from './likeness.ts';
import {
  attempt,
  type CheckOptions,
  checkClasses,
  checkSplits,
  countsOf,
  createTally,
  type DataProblem,
  type ImageReport,
  noteProblems,
  sortProblems,
  spread,
  unpairedProblems,
} from './parts.ts';

/** Checks a data set of images. */
export async function checkImages(dataset: ImageSet, options: CheckOptions = {}): Promise<ImageReport> {
  const { limit = Number.POSITIVE_INFINITY, onProgress } = options;
  const problems = [...noteProblems(dataset), ...unpairedProblems(dataset)];
  const chosen = { train: spread(dataset.splits.train, limit), val: spread(dataset.splits.val, limit) };
  const sizes = new Map<string, number>();
  const tally = createTally(dataset.classes.length);
  const palettes = createPalettes();
  const likeness = createLikeness();
  const values = new Set<number>();
  const channels = ownChannels(dataset);
  const statistics = channels && createChannelStatistics(channels);
  const measured = new Set(spread(chosen.train, MEASURED_IMAGES));
  let read = 0;
  let halfIgnored = true;
  const total = chosen.train.length + chosen.val.length;
  let done = 0;
  for (const split of ['train', 'val'] as const) {
    for (const sample of chosen[split]) {
      const { size, labels } = await checkSample(dataset, sample, palettes, problems, (image, file) => {
        likeness.add({ split, id: sample.id, file, shape: [image.width, image.height], data: image.data });
        if (measured.has(sample)) statistics?.add(image.data);
      });
      if (labels?.halfIgnored !== true) halfIgnored = false;
      if (size !== undefined) sizes.set(size, (sizes.get(size) ?? 0) + 1);
      if (split === 'train' && labels !== undefined) {
        tally.add(labels.ids, SAME);
        read++;
        for (const value of labels.values) values.add(value);
      }
      onProgress?.(++done, total);
    }
  }
  appendAll(problems, palettes.problems());
  appendAll(problems, checkSplits(dataset));
  appendAll(problems, likeness.duplicates());
  appendAll(problems, checkIds(dataset, { pixels: tally.pixels, values }, read));
  if (!problems.some(({ severity }) => severity === 'error')) {
    problems.push(
      ...checkContrast(dataset, tally.pixels, {
        all: chosen.train.length === dataset.splits.train.length,
        halfIgnored,
      }),
    );
  }
  return {
    rank: 2,
    counts: countsOf(dataset, chosen),
    sizes: [...sizes]
      .map(([size, count]) => {
        const [width, height] = size.split('x').map(Number);
        return { width, height, count };
      })
      .sort((a, b) => b.count - a.count),
    ...(channels && statistics ? { channels: { dtype: channels.dtype, statistics: statistics.result() } } : {}),
    ...tally.shares(),
    problems: sortProblems(problems),
    advice: adviceOn(dataset, tally.shares(), likeness),
  };
}

/** Ids stay as they are. */
const SAME = Array.from({ length: 256 }, (_, id) => id);

/** Checks the files of one sample; returns its size and labels, as far as they can be counted. */
async function checkSample(
  dataset: ImageSet,
  { source }: Sample,
  palettes: Palettes,
  problems: DataProblem[],
  onImage: (image: ImageFile | ChannelFile, file: string) => void,
): Promise<{ size?: string; labels?: CheckedLabels }> {
  if (source.kind === 'scene') {
    const { width, height } = source;
    return {
      size: `${width}x${height}`,
      labels: { ids: paintScene(source.seed, width, height).label, values: [], halfIgnored: false },
    };
  }
  if (source.kind !== 'files') return {};
  const image = await attempt(source.image, () => loadStoredImage(dataset, source.image), problems);
  const size = image === undefined ? {} : { size: `${image.width}x${image.height}` };
  if (image !== undefined) {
    appendAll(problems, checkImage(image, source.image, ownChannels(dataset)?.names));
    onImage(image, source.image);
  }
  const { label } = source;
  if (label === undefined) {
    problems.push({ severity: 'error', file: source.image, message: 'has no labels', fix: 'add a label file' });
    return size;
  }
  // Shapes need the size of their image.
  if (image === undefined && source.drawn !== undefined) return size;
  const stored = await attempt(
    label,
    async () =>
      image === undefined
        ? { labels: await loadLabels(label), turned: false }
        : loadStoredLabels({ ...source, label }, image),
    problems,
  );
  if (stored === undefined) return size;
  const { labels: raster, turned } = stored;
  if (turned) problems.push(turnedProblem(source.image, image?.orientation));
  if (image !== undefined) await attempt(label, () => requireSameSize(raster, label, image), problems);
  const read = await attempt(label, () => readLabelIds(raster, dataset, label), problems);
  if (read === undefined) return size;
  palettes.add(label, raster, read);
  const halfIgnored = isHalfIgnored(raster, dataset);
  if (halfIgnored) {
    problems.push({
      severity: 'warning',
      file: label,
      message: 'holds only 0 and 255, and 255 is ignored',
      fix: BINARY_FIX,
    });
  }
  return { ...size, labels: { ...read, halfIgnored } };
}

/** Labels that were read: class ids, the values in the file, and whether they hold 0 and an ignored 255 only. */
interface CheckedLabels {
  ids: Uint8Array;
  values: readonly number[];
  halfIgnored: boolean;
}

/** Where a mask of 0 and 255 was meant to have two classes, most likely. */
const isHalfIgnored = (raster: Raster, { labelMap, classes }: ImageSet): boolean =>
  raster.channels === 1 && labelMap[IGNORE] === IGNORE && classes.length <= 2 && looksBinary(raster);

/** An image of 16 bits whose samples stay below this is almost black when they are scaled to 8: the last of 12 bits. */
const DARK = 2 ** 12;

/** What is odd about an image that can be read. */
function checkImage(image: ImageFile | ChannelFile, file: string, names?: readonly string[]): DataProblem[] {
  const { data, pages } = image;
  const largest = 'largest' in image ? image.largest : undefined;
  const problems: DataProblem[] = [];
  const warn = (message: string, fix: string): void => {
    problems.push({ severity: 'warning', file, message, fix });
  };
  if (pages > 1) warn(`has ${pages} pages, of which only the first is read`, 'write each page as an image of its own');
  if (largest !== undefined && largest > 0 && largest < DARK) {
    const bits = Math.max(8, Math.ceil(Math.log2(largest + 1)));
    warn(
      `has 16 bits a sample and uses ${bits} of them, so that it is read as almost black (65535 is white)`,
      `multiply the samples of all images by one factor, ${2 ** (16 - bits)} where the camera has ${bits} bits`,
    );
  }
  const channels = names?.length ?? 3;
  const first = data.slice(0, channels);
  const empty = [...first.keys()].filter((channel) => isConstant(data, channels, channel));
  const nothing = 'look at the file: nothing can be learnt from it';
  if (empty.length === channels)
    warn(
      names
        ? `has one value everywhere in every channel (${[...first].slice(0, 8).join(', ')})`
        : `shows one colour everywhere (${[...first].join(', ')})`,
      nothing,
    );
  else if (names)
    for (const channel of empty) warn(`has ${first[channel]} everywhere in the channel ${names[channel]}`, nothing);
  return problems;
}

/** Whether one channel of interleaved samples has one value, or none that is a number. */
function isConstant(data: ImageFile['data'] | ChannelFile['data'], channels: number, channel: number): boolean {
  for (let i = channel; i < data.length; i += channels) if (!Object.is(data[i], data[channel])) return false;
  return true;
}

const turnedProblem = (file: string, orientation: number | undefined): DataProblem => ({
  severity: 'warning',
  file,
  message: `is turned upright by its EXIF orientation ${orientation}, and its mask with it`,
  fix: 'right for masks that were drawn on the stored pixels; for masks drawn on the upright image write the image again upright, without the tag',
});

/** Compares the palettes of masks that are read by index: an index must mean the same in all. */
interface Palettes {
  add(file: string, raster: Raster, read: { by: 'value' | 'colour'; values: readonly number[] }): void;
  problems(): DataProblem[];
}

function createPalettes(): Palettes {
  const first = new Map<number, { key: string; file: string }>();
  const found: DataProblem[] = [];
  return {
    add(file, { palette }, { by, values }) {
      if (palette === undefined || by === 'colour') return;
      for (const value of values) {
        const key = colourKey(colourAt(palette, value));
        const other = first.get(value);
        if (other === undefined) first.set(value, { key, file });
        else if (other.key !== key) {
          found.push({
            severity: 'error',
            file,
            message: `shows index ${value} as [${key}], and ${other.file} as [${other.key}]: one index has several colours`,
            fix: 'list `colours` of the classes in data.yaml, and masks are read by their colours; or write grey PNG whose value is the class',
          });
          return;
        }
      }
    },
    problems: () => found,
  };
}

/** An error where the train masks hold one class: `all` of them were read, or every mask holds 0 and an ignored 255 only. */
function checkContrast(
  { name, classes, splits }: ImageSet,
  pixels: Float64Array,
  { all, halfIgnored }: { all: boolean; halfIgnored: boolean },
): DataProblem[] {
  const present = classes.filter((_, id) => pixels[id] > 0);
  if (present.length > 1 || !(all || halfIgnored)) return [];
  const got = present.length === 0 ? 'no class' : `one class (${present[0].name})`;
  const example = splits.train[0]?.source;
  return [
    {
      severity: 'error',
      // The masks are to blame, not the data set: a run stops here.
      file: (example?.kind === 'files' ? example.label : undefined) ?? name,
      message: `is one of train masks that hold ${got}, at least two are expected`,
      fix: halfIgnored
        ? BINARY_FIX
        : 'nothing can be learnt: look at the masks, and at `classes` and `ignore` in data.yaml',
    },
  ];
}

/** Classes that never occur; where they were read off masks with ids from 1 there is one too many, and that is said instead. */
function checkIds(
  dataset: ImageSet,
  { pixels, values }: { pixels: Float64Array; values: ReadonlySet<number> },
  read: number,
): DataProblem[] {
  const readOff = dataset.classesFrom === FROM_MASKS;
  if (read === 0 || !readOff || values.has(0) || dataset.labelMap[0] !== 0) return checkClasses(dataset, pixels, read);
  return [
    {
      severity: 'warning',
      file: dataset.name,
      message: `value 0 occurs in none of the ${read} train masks that were read`,
      fix: shiftedFix(dataset.classes.length - 1),
    },
  ];
}
