/**
 * @file What the header of an image says of its channels, before anything is decoded. Of PNG and TIFF; other formats hold 8-bit RGB.
 */
import { isPng, pngSamples } from '../images/png.ts';
import { isTiff, PHOTOMETRIC, readTiffTags } from '../images/tiff.ts';
import type { SampleType } from './format.ts';

/** The samples of a pixel as a file states them. */
export interface StoredChannels {
  /** With alpha. */
  readonly channels: number;
  /** Whether the last one is alpha. */
  readonly hasAlpha: boolean;
  readonly dtype: SampleType;
  /** The first channels are red, green and blue; else there are grey ones only. */
  readonly isColour: boolean;
}

/**
 * The channels of an image by its first bytes and, for TIFF, its first directory; undefined for files whose samples are no channels by themselves: palettes,
 * CMYK, YCbCr, JPEG, WebP, integers of other sizes, and what is no image.
 */
export function readStoredChannels(bytes: Uint8Array): StoredChannels | undefined {
  if (isPng(bytes)) {
    const png = pngSamples(bytes);
    if (png === undefined || png.isIndexed) return undefined;
    const { channels, bitDepth } = png;
    const dtype = bitDepth === 16 ? 'uint16' : 'uint8';
    return { channels, hasAlpha: channels % 2 === 0, dtype, isColour: channels > 2 };
  }
  if (!isTiff(bytes)) return undefined;
  const { photometric, samples = 1, bits = 1, format = 1, extra = [] } = readTiffTags(bytes);
  const dtype = DTYPES[`${format} ${bits}`];
  const isColour = photometric === PHOTOMETRIC.rgb;
  const isGrey = photometric === PHOTOMETRIC.blackIsZero;
  if (dtype === undefined || samples < (isColour ? 3 : 1) || !(isColour || isGrey)) return undefined;
  const last = extra.at(-1);
  const hasAlpha = samples > (isColour ? 3 : 1) && (last === ASSOCIATED || last === UNASSOCIATED);
  return { channels: samples, hasAlpha, dtype, isColour };
}

/** By sample format and bits. */
const DTYPES: Readonly<Record<string, SampleType>> = { '1 8': 'uint8', '1 16': 'uint16', '3 32': 'float32' };

/** Extra samples that are alpha. */
const ASSOCIATED = 1;
const UNASSOCIATED = 2;
