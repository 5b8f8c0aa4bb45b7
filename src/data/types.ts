/**
 * @file What a data set is: classes, two splits of samples and a map from the values in label files to class ids; of images or of
 * volumes. Plain data, so that it crosses to a worker thread or into a file; it holds no pixels. Reading a sample is `sample.ts`.
 */
import type { ImageChannels } from './channels/format.ts';
import type { LabelDrawing } from './outlines/shapes.ts';
import type { VolumeShape } from './volume.ts';
import type { Preparation } from './volumes/preparation.ts';

/** The label of pixels that count neither in a loss nor in a metric. */
export const IGNORE = 255;

/** Images of more pixels are refused: the sizes in a file are numbers that anybody may write. */
export const MAX_PIXELS = 2 ** 27;

/** In a label map: the value must not occur. */
export const NOT_ALLOWED = -1;

/** Raw samples of an image file, row by row, channels interleaved: `data[(y * width + x) * channels + c]`, in [0, 2^bitDepth). */
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

/** A set of classes that a network finds by an output of its own; regions may overlap (nnU-Net's region labels). Functions: `regions.ts`. */
export interface Region extends SegmentationClass {
  /** Ids of the classes inside, ascending, at least one. */
  classes: number[];
  /** Id of the class, one of those inside, that is written where this region is predicted and no later one is. */
  written: number;
}

/**
 * Where an image comes from: files on disk (`label` absent: to be predicted), or a seed of the embedded scenes. With `drawn` the labels are shapes, and
 * `label` is the file that holds them, perhaps those of other images too. `blank` is the label of every pixel where there is no file; default `IGNORE`.
 */
export type ImageSource =
  | { kind: 'files'; image: string; label?: string; drawn?: LabelDrawing; blank?: number }
  | { kind: 'scene'; seed: number; width: number; height: number };

/**
 * Where a volume comes from: NIfTI files or folders of DICOM slices (`label` absent: to be predicted), or a seed of the embedded
 * phantoms. `images` is one file with every channel, or one file a channel.
 */
export type VolumeSource =
  | { kind: 'volume'; images: string[]; label?: string }
  | { kind: 'phantom'; seed: number; shape: VolumeShape };

/** Where a sample comes from; a data set holds sources of its rank only. */
export type SampleSource = ImageSource | VolumeSource;

/** One image or volume with its labels, by reference. */
export interface Sample {
  /** Unique inside a data set; for files the path below the folder of images without extension. */
  id: string;
  source: SampleSource;
}

/** The two splits. */
export type SplitName = 'train' | 'val';

/** What data sets of images and of volumes share. */
export interface DataSetBase {
  name: string;
  /** The layout that was recognised, such as `camvid`. */
  layout: string;
  /** What label files and written predictions hold. */
  classes: SegmentationClass[];
  /** Where networks find regions instead of classes: one for each output, in the order in which predictions are written. */
  regions?: Region[];
  ignore: typeof IGNORE;
  /** For each raw value of a label file, those from 0 to 255 at least: a class id, `IGNORE` or `NOT_ALLOWED`. */
  labelMap: number[];
  splits: Record<SplitName, Sample[]>;
  /** Who decides the sides of the samples: a hash of their ids (`folds.ts`), or one of the folds that the data list. Absent: the data have one split. */
  splitRule?: 'hash' | 'listed folds';
  /** Further labelled samples by name, such as the coarse set of Cityscapes; they are trained on where that is asked for. */
  extra?: Record<string, Sample[]>;
  /** Group of a training sample by id, such as its patient or sequence: what must not lie on both sides of a split. */
  groups?: Record<string, string>;
  /** For each class the value that the benchmark of the data set wants in a submission; default: that of the label files. */
  submissionValues?: number[];
  /** Files left without a partner, when the data set was opened with `allowUnpaired`; else empty or masks without an image. */
  unpaired: string[];
  /** Where the classes come from, such as `data.yaml`; absent where the layout defines them. */
  classesFrom?: string;
  /** What was found and left aside, or decided without being asked: reported at the start and by the check. */
  notes?: string[];
}

/** A data set of images, by reference. */
export interface ImageSet extends DataSetBase {
  /** Number of spatial axes. */
  rank: 2;
  /**
   * The channels of images that are not 8-bit RGB; `rgb`: images are read as 8-bit RGB whatever they hold. Absent: they are 8-bit RGB (or grey), and files
   * with further channels are refused.
   */
  channels?: ImageChannels | 'rgb';
  /** For masks that show colours: the class id of each colour, by `red,green,blue`. */
  colourIds?: Record<string, number>;
}

/** A data set of volumes, by reference. */
export interface VolumeSet extends DataSetBase {
  /** Number of spatial axes. */
  rank: 3;
  /** What each channel of an image is, such as `MRI`, `CT` or `FLAIR`; as many as there are channels. */
  modalities: string[];
  /** Label values that do not count and have no place in the map: negative ones and NaN; absent where there are none. */
  ignoredLabels?: number[];
  /** How a volume is made ready for a network. */
  preparation: Preparation;
}

/** A data set by reference; `rank` is 2 for images, 3 for volumes. */
export type DataSet = ImageSet | VolumeSet;

/** What reading the samples of a data set takes: the data set without its lists. */
export type SampleFormat =
  | Pick<ImageSet, 'rank' | 'labelMap' | 'classes' | 'colourIds' | 'channels'>
  | Pick<VolumeSet, 'rank' | 'labelMap' | 'ignoredLabels' | 'classes' | 'modalities' | 'preparation'>;

/** The format of a data set and nothing else, so that little crosses to a worker thread. */
export function formatOf(dataset: SampleFormat): SampleFormat {
  const { labelMap, classes } = dataset;
  if (dataset.rank === 2) {
    const { colourIds, channels } = dataset;
    return { rank: 2, labelMap, classes, ...(colourIds ? { colourIds } : {}), ...(channels ? { channels } : {}) };
  }
  const { rank, modalities, preparation, ignoredLabels } = dataset;
  return { rank, labelMap, classes, modalities, preparation, ...(ignoredLabels ? { ignoredLabels } : {}) };
}

/** Channels of an image of the data set. */
export function channelsOf(dataset: SampleFormat): number {
  if (dataset.rank === 3) return dataset.modalities.length;
  return ownChannels(dataset)?.names.length ?? 3;
}

/** The channels of images that are not read as 8-bit RGB. */
export const ownChannels = ({ channels }: Pick<ImageSet, 'channels'>): ImageChannels | undefined =>
  typeof channels === 'object' ? channels : undefined;

/** A decoded sample: `image` is `[height, width, channels]`, 8-bit RGB or the channels as stored; `label` is `[height, width]` with class ids and `IGNORE`. */
export interface LabelledImage<Image = Uint8Array | Uint16Array | Float32Array> {
  width: number;
  height: number;
  image: Image;
  label: Uint8Array;
}

/** A sample as networks read it: bytes of RGB, which are brought to [-1, 1], or channels about zero. */
export type PreparedImage = LabelledImage<Uint8Array | Float32Array>;

/** A label map for ids 0..`classes`-1 as they are, `ignored` raw values to `IGNORE`, the rest below `length` not allowed. */
export function createLabelMap(classes: number, ignored: readonly number[] = [IGNORE], length = 256): number[] {
  const map = Array.from({ length }, (_, value) => (value < classes ? value : NOT_ALLOWED));
  for (const value of ignored) map[value] = IGNORE;
  return map;
}
