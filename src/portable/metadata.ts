/**
 * @file What an exported model says about itself in its `metadata_props`: classes, colours, how pictures become inputs, what comes out.
 * Written by the export, read wherever the model runs; texts by key, as ONNX has them.
 */
import { DataError } from '../base/errors.ts';
import type { Colour, SegmentationClass } from '../data/types.ts';
import type { Preparation } from '../data/volumes/preparation.ts';

/** How samples become the input of a model. */
export interface Preprocessing {
  /** `[batch, channels, ...spatial]` or `[batch, ...spatial, channels]`. */
  readonly layout: 'channelsFirst' | 'channelsLast';
  readonly dtype: 'float32' | 'uint8';
  /** Red, green, blue in this order for pictures. */
  readonly channels: number;
  /** The input is `sample / divisor - offset`; 1 and 0 where the model does it itself, and for prepared volumes. */
  readonly divisor: number;
  readonly offset: number;
}

/** What comes out: class scores `[batch, classes, ...spatial]` (float32), or class ids `[batch, ...spatial]` (uint8). */
export type ModelResult = 'logits' | 'softmax' | 'argmax';

/** Everything that an exported model says about itself. */
export interface ModelMetadata {
  readonly classes: readonly SegmentationClass[];
  readonly preprocessing: Preprocessing;
  readonly result: ModelResult;
  /** The spatial size `[height, width]` or `[depth, height, width]` it takes, or any. */
  readonly size: readonly number[] | 'dynamic';
  /** Every side must be a multiple of this; absent: any will do. */
  readonly sideMultiple?: number;
  readonly precision: 'float32' | 'float16';
  /** How volumes are made ready for it. */
  readonly preparation?: Preparation;
  /** Version of espalier that wrote it. */
  readonly version: string;
  /** What the network was built from, as JSON text: a genotype file, or the name of an ordinary network and its options. */
  readonly architecture?: string;
}

const FORMAT = 'espalier-segmentation';

/** The entries of `metadata_props`. */
export function formatMetadata(metadata: ModelMetadata): Record<string, string> {
  const { classes, version, architecture, result, precision, preprocessing, preparation, size, sideMultiple } =
    metadata;
  return {
    format: FORMAT,
    espalier_version: version,
    classes: JSON.stringify(classes.map(({ name }) => name)),
    palette: JSON.stringify(classes.map(({ colour }) => colour)),
    preprocessing: JSON.stringify(preprocessing),
    input_size: JSON.stringify(size),
    ...(sideMultiple === undefined ? {} : { side_multiple: JSON.stringify(sideMultiple) }),
    result,
    precision,
    ...(preparation === undefined ? {} : { preparation: JSON.stringify(preparation) }),
    ...(architecture === undefined ? {} : { architecture }),
  };
}

/**
 * The metadata of a model; `file` is named in errors.
 * @throws DataError when the model is none of espalier's.
 */
export function parseMetadata(entries: Readonly<Record<string, string>>, file: string): ModelMetadata {
  if (entries.format !== FORMAT) {
    throw new DataError(
      `${file}: its metadata says nothing of classes and preprocessing`,
      'take a model that espalier export wrote',
    );
  }
  const read = <T>(key: string): T => {
    try {
      return JSON.parse(entries[key]) as T;
    } catch {
      throw new DataError(`${file}: metadata "${key}" is ${JSON.stringify(entries[key])?.slice(0, 60)}, expected JSON`);
    }
  };
  const names = read<string[]>('classes');
  const palette = read<Colour[]>('palette');
  return {
    classes: names.map((name, id) => ({ name, colour: palette[id] })),
    preprocessing: read('preprocessing'),
    result: entries.result as ModelResult,
    size: read('input_size'),
    ...(entries.side_multiple === undefined ? {} : { sideMultiple: read<number>('side_multiple') }),
    precision: entries.precision as ModelMetadata['precision'],
    version: entries.espalier_version,
    ...(entries.preparation === undefined ? {} : { preparation: read<Preparation>('preparation') }),
    ...(entries.architecture === undefined ? {} : { architecture: entries.architecture }),
  };
}
