/**
 * @file What a data set is: classes, two splits of samples and a map from the values in label files to class ids. Plain data,
 * so that it crosses to a worker thread or into a file; it holds no pictures. Reading a sample is `sample.ts`.
 */

/** The label of pixels that count neither in a loss nor in a metric. */
export const IGNORE = 255;

/** In a label map: the value must not occur. */
export const NOT_ALLOWED = -1;

/** Raw samples of a picture file, row by row, channels interleaved: `data[(y * width + x) * channels + c]`, in [0, 2^bitDepth). */
export interface Raster {
  width: number;
  height: number;
  /** 1 grey or palette index, 2 grey and alpha, 3 RGB, 4 RGB and alpha. */
  channels: number;
  /** 1, 2, 4, 8 or 16; `data` is a `Uint16Array` for 16 only. */
  bitDepth: number;
  data: Uint8Array | Uint16Array;
  /** RGB triples, when `data` holds indices into it. */
  palette?: Uint8Array;
}

/** Red, green, blue in 0..255. */
export type Colour = [red: number, green: number, blue: number];

/** One class; its id is its place in `DataSet.classes`. */
export interface SegmentationClass {
  name: string;
  colour: Colour;
}

/** Where a sample comes from: files on disk (`label` absent: to be predicted), or a seed of the embedded scenes. */
export type SampleSource =
  | { kind: 'files'; image: string; label?: string }
  | { kind: 'scene'; seed: number; width: number; height: number };

/** One picture with its labels, by reference. */
export interface Sample {
  /** Unique inside a data set; for files the path below the picture folder without extension. */
  id: string;
  source: SampleSource;
}

/** The two splits. */
export type SplitName = 'train' | 'val';

/** A data set of pictures, by reference. */
export interface DataSet {
  name: string;
  /** The layout that was recognised, such as `camvid`. */
  layout: string;
  /** Number of spatial axes: pictures have 2. */
  rank: 2;
  classes: SegmentationClass[];
  ignore: typeof IGNORE;
  /** For each raw value 0..255 of a label file: a class id, `IGNORE` or `NOT_ALLOWED`. */
  labelMap: number[];
  splits: Record<SplitName, Sample[]>;
  /** Files left without a partner, when the data set was opened with `allowUnpaired`; else empty or masks without a picture. */
  unpaired: string[];
}

/** A decoded sample: `image` is `[height, width, 3]` RGB, `label` is `[height, width]` with class ids and `IGNORE`. */
export interface LabelledPicture {
  width: number;
  height: number;
  image: Uint8Array;
  label: Uint8Array;
}

/** A label map for ids 0..`classes`-1 as they are, `ignored` raw values to `IGNORE`, the rest not allowed. */
export function createLabelMap(classes: number, ignored: readonly number[] = [IGNORE]): number[] {
  const map = Array.from({ length: 256 }, (_, value) => (value < classes ? value : NOT_ALLOWED));
  for (const value of ignored) map[value] = IGNORE;
  return map;
}
