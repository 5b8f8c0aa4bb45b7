/**
 * @file Which samples show the same: equal pixels, and neighbours of a sequence such as the frames of a video. What is on both sides of a split makes scores
 * too good.
 */
import { createHash } from 'node:crypto';
import type { SplitName } from '../types.ts';
import type { DataProblem } from './parts.ts';

/** Smaller images are not compared: equal pixels mean little there. */
const FEWEST_PIXELS = 32 * 32;

/** Sides of the thumbnails by which neighbours are compared. */
const THUMB = 8;

/** Sequences are looked for among so many samples. */
const FEWEST_SAMPLES = 20;

/** Neighbours are frames where they differ by less than this part of what samples differ by that are far apart. */
const ALIKE = 0.5;

/** Samples as they are read. */
export interface Likeness {
  add(sample: SampleLook): void;
  /** Samples of equal pixels: across splits, and inside one. */
  duplicates(): DataProblem[];
  /** Validation samples whose neighbour by name, which looks like them, is trained on; undefined where there are few. */
  neighbours(): { count: number; of: number; example: [string, string] } | undefined;
}

/** What is compared of a sample. */
export interface SampleLook {
  split: SplitName;
  id: string;
  file: string;
  /** Width and height, or the shape of a volume. */
  shape: readonly number[];
  /** Samples, channels last for images. */
  data: Uint8Array | Uint16Array | Float32Array;
}

/** Creates a comparison without samples. */
export function createLikeness(): Likeness {
  const files = new Map<string, { split: SplitName; file: string }[]>();
  const looks: { split: SplitName; id: string; thumb: Float64Array }[] = [];
  return {
    add({ split, id, file, shape, data }) {
      if (shape.reduce((product, side) => product * side, 1) < FEWEST_PIXELS) return;
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const key = createHash('sha1').update(shape.join('x')).update(bytes).digest('base64');
      files.set(key, [...(files.get(key) ?? []), { split, file }]);
      if (shape.length === 2) looks.push({ split, id, thumb: thumbnail(shape, data) });
    },
    duplicates: () => [...files.values()].filter((group) => group.length > 1).map(duplicateProblem),
    neighbours: () => findNeighbours(looks),
  };
}

function duplicateProblem(group: readonly { split: SplitName; file: string }[]): DataProblem {
  const val = group.find(({ split }) => split === 'val');
  const train = group.find(({ split }) => split === 'train');
  const first = train ?? group[0];
  const other = first === train && val !== undefined ? val : group[1];
  const across = train !== undefined && val !== undefined;
  return {
    severity: 'warning',
    file: other.file,
    message: `shows the same pixels as ${first.file}${across ? ', which is trained on' : ''}`,
    fix: across
      ? 'take it out of one split: what is measured on val would be too good'
      : 'remove one of them, above all where their labels differ',
    ...(group.length > 2
      ? { others: group.filter((entry) => entry !== first && entry !== other).map(({ file }) => file) }
      : {}),
  };
}

/** Mean brightness of 8 x 8 parts of an image. */
function thumbnail([width, height]: readonly number[], data: SampleLook['data']): Float64Array {
  const channels = data.length / (width * height);
  const sums = new Float64Array(THUMB * THUMB);
  const counts = new Float64Array(THUMB * THUMB);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const part = Math.floor((y * THUMB) / height) * THUMB + Math.floor((x * THUMB) / width);
      sums[part] += data[(y * width + x) * channels];
      counts[part]++;
    }
  return sums.map((sum, part) => sum / counts[part]);
}

const distance = (a: Float64Array, b: Float64Array): number =>
  a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

function findNeighbours(
  looks: readonly { split: SplitName; id: string; thumb: Float64Array }[],
): ReturnType<Likeness['neighbours']> {
  if (looks.length < FEWEST_SAMPLES) return undefined;
  // The folder of a split says nothing about the sequence.
  const named = looks.map((look) => ({ ...look, ...sequenceOf(look.id.replace(/^(train|val)\//, '')) }));
  named.sort((a, b) => (a.sequence < b.sequence ? -1 : Number(a.sequence > b.sequence)) || a.number - b.number);
  const half = Math.floor(named.length / 2);
  const pairs = named.slice(1).map((right, i) => ({ left: named[i], right }));
  const near = pairs.filter(({ left, right }) => left.sequence === right.sequence);
  if (near.length < half) return undefined;
  const far = median(named.slice(0, half).map(({ thumb }, i) => distance(thumb, named[i + half].thumb)));
  if (!(median(near.map(({ left, right }) => distance(left.thumb, right.thumb))) < ALIKE * far)) return undefined;
  const across = near.filter(
    ({ left, right }) => left.split !== right.split && distance(left.thumb, right.thumb) < ALIKE * far,
  );
  const ofVal = (pair: (typeof pairs)[number]): string => (pair.left.split === 'val' ? pair.left : pair.right).id;
  const touched = new Set(across.map(ofVal));
  const val = looks.filter(({ split }) => split === 'val').length;
  if (touched.size <= val / 4) return undefined;
  return { count: touched.size, of: val, example: [across[0].left.id, across[0].right.id] };
}

/** What comes before the last number of an id, and the number. */
function sequenceOf(id: string): { sequence: string; number: number } {
  const [, sequence = id, number = '-1'] = /^(.*?)(\d+)\D*$/.exec(id) ?? [];
  return { sequence, number: Number(number) };
}
