/**
 * @file Image files as 8-bit RGB; as channels of any number and type they are read by `channels/read.ts`. PNG goes through our own decoder, anything else (JPEG, WebP, TIFF) through sharp.
 *
 * Samples of 16 bits are divided by 257, so that 65535 is 255; samples in floating point are 0 (black) to 1 (white) and multiplied by 255.
 * Both are the same for every file: brightness never depends on what else an image shows.
 */
import { readFile } from 'node:fs/promises';
import { DataError } from '../../base/errors.ts';
import { readStoredChannels } from '../channels/header.ts';
import type { Raster } from '../types.ts';
import { openWithSharp, sharpFormat } from './decoder.ts';
import { IMAGE_ENDINGS } from './endings.ts';
import { turnUpright } from './orientation.ts';
import { decodePng, findChunk, isPng } from './png.ts';
import { readTiffTags } from './tiff.ts';

/** A photograph, `[height, width, 3]`. */
export interface RgbImage {
  width: number;
  height: number;
  data: Uint8Array;
}

/** A photograph, turned upright, and what its file says beside the pixels. */
export interface ImageFile extends RgbImage {
  /** The EXIF orientation that was applied: 1 (none) to 8. */
  orientation: number;
  /** Pages of the file; only the first is read. */
  pages: number;
  /** Of a file of 16 bits a sample: the largest sample, 0..65535. */
  largest?: number;
  /** Channels of the file beside grey, or red, green, blue, and alpha: they are left out. */
  further: number;
}

/** Loads a photograph as RGB: palettes applied, grey repeated, samples scaled to 8 bits, alpha dropped, turned upright by its EXIF tag. */
export async function loadImage(file: string): Promise<RgbImage> {
  return decodeImage(await readBytes(file), file);
}

/** As {@link loadImage}, from the bytes of a file. A `DataError` names `file`. */
export async function decodeImage(bytes: Uint8Array, file: string): Promise<RgbImage> {
  const { width, height, data } = await decodeImageFile(bytes, file);
  return { width, height, data };
}

/** As {@link loadImage}, with what the file says beside the pixels. */
export async function loadImageFile(file: string): Promise<ImageFile> {
  return decodeImageFile(await readBytes(file), file);
}

/** As {@link loadImageFile}, from the bytes of a file. */
export async function decodeImageFile(bytes: Uint8Array, file: string): Promise<ImageFile> {
  if (!isPng(bytes)) return decodeWithSharp(bytes, file);
  const orientation = pngOrientation(bytes);
  return describeRaster(turnUpright(decodePng(bytes, file), orientation), file, { orientation, pages: 1, further: 0 });
}

/** The EXIF orientation of a PNG that was decoded: 1 (none) to 8. */
export function pngOrientation(bytes: Uint8Array): number {
  const exif = findChunk(bytes, 'eXIf');
  const { orientation = 1 } = exif === undefined ? {} : readTiffTags(exif);
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

function describeRaster(
  raster: Raster,
  file: string,
  beside: Pick<ImageFile, 'orientation' | 'pages' | 'further'>,
): ImageFile {
  const image = { ...toRgb(raster, file), ...beside };
  if (raster.bitDepth !== 16) return image;
  let largest = 0;
  for (const value of raster.data) if (value > largest) largest = value;
  return { ...image, largest };
}

/** Any raster as 8-bit RGB; an index beyond the palette is an error. */
export function toRgb(raster: Raster, file: string): RgbImage {
  const { width, height, channels, bitDepth, data, palette } = raster;
  if (channels === 3 && bitDepth === 8) return { width, height, data: data as Uint8Array };
  const pixels = width * height;
  const out = new Uint8Array(pixels * 3);
  if (palette !== undefined) {
    for (let i = 0; i < pixels; i++) {
      const at = data[i] * 3;
      if (at >= palette.length)
        throw new DataError(`${file}: palette index ${data[i]} of ${palette.length / 3} colours`);
      for (let c = 0; c < 3; c++) out[i * 3 + c] = palette[at + c];
    }
    return { width, height, data: out };
  }
  const factor = 255 / (2 ** bitDepth - 1);
  const second = channels < 3 ? 0 : 1;
  for (let i = 0; i < pixels; i++) {
    const at = i * channels;
    for (let c = 0; c < 3; c++) out[i * 3 + c] = Math.round(data[at + c * second] * factor);
  }
  return { width, height, data: out };
}

/** What files are converted to where they cannot be read. */
const CONVERT = `images are ${IMAGE_ENDINGS.join(' ')}: convert the file, PNG keeps every pixel`;

async function decodeWithSharp(bytes: Uint8Array, file: string): Promise<ImageFile> {
  const format = sharpFormat(bytes);
  if (format === undefined) throw new DataError(`${file}: is no PNG, JPEG, WebP or TIFF`, CONVERT);
  const further = furtherChannels(bytes);
  try {
    const { image, metadata } = await openWithSharp(bytes, format, file);
    const { depth = 'uchar', space, channels: stored = 3, orientation = 1, pages = 1 } = metadata;
    if (stored > MOST_SAMPLES)
      throw new DataError(`${file}: expected grey or RGB, got ${stored} channels`, NAME_CHANNELS);
    if (!Object.hasOwn(DEPTHS, depth)) {
      throw new DataError(
        `${file}: expected samples of 8 or 16 bits, or in floating point from 0 to 1, got ${depth}`,
        'write the image again with 8 bits a sample',
      );
    }
    const { type, colours } = DEPTHS[depth as keyof typeof DEPTHS];
    const { data, info } = await image
      .rotate()
      // The space of floating-point RGB is linear: converting it would change the samples.
      .toColourspace(type === 'float' && space === 'scrgb' ? 'scrgb' : colours)
      .raw({ depth: type })
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    const size = { width, height, channels };
    const beside = { orientation, pages, further };
    // A copy begins at a multiple of the size of a sample.
    const raw = type === 'uchar' ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : data.slice();
    const whole = raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength) as ArrayBuffer;
    if (type === 'ushort') return describeRaster({ ...size, bitDepth: 16, data: new Uint16Array(whole) }, file, beside);
    const samples = type === 'float' ? quantise(new Float32Array(whole), file) : raw;
    return describeRaster({ ...size, bitDepth: 8, data: samples }, file, beside);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${file}: cannot be decoded (${firstLine(error)})`, CONVERT);
  }
}

/** Samples of a pixel that are read as RGB at most. */
const MOST_SAMPLES = 5;

/** What the fix is where an image has more channels than are read. */
export const NAME_CHANNELS =
  'name all of them in data.yaml, `channels: [red, green, blue, nir]`; a network that was trained on RGB reads images of RGB';

/** Channels of a TIFF that are left out of RGB. */
function furtherChannels(bytes: Uint8Array): number {
  const stored = readStoredChannels(bytes);
  if (stored === undefined) return 0;
  return stored.channels - Number(stored.hasAlpha) - (stored.isColour ? 3 : 1);
}

/** For each kind of sample that is read: how sharp gives it unchanged. */
const DEPTHS = {
  uchar: { type: 'uchar', colours: 'srgb' },
  ushort: { type: 'ushort', colours: 'rgb16' },
  float: { type: 'float', colours: 'srgb' },
} as const;

/** Samples from 0 to 1 as bytes. @throws DataError for others: what is black and white in them is not known. */
function quantise(samples: Float32Array, file: string): Uint8Array {
  const out = new Uint8Array(samples.length);
  let [low, high, finite] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, true];
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i];
    if (value < low) low = value;
    if (value > high) high = value;
    if (!Number.isFinite(value)) finite = false;
    out[i] = Math.round(255 * value);
  }
  if (finite && low >= 0 && high <= 1) return out;
  const number = (value: number): string => String(Number(value.toPrecision(4)));
  const got = finite ? `${number(low)} to ${number(high)}` : 'values that are not finite';
  throw new DataError(
    `${file}: expected floating-point samples from 0 (black) to 1 (white), got ${got}`,
    'scale all images of the data set by the same factor, or write them with 8 or 16 bits a sample',
  );
}

/** What a decoder says, cut to fit a message: libvips lists a line for every tag that it does not know. */
export const firstLine = (error: unknown): string => (error as Error).message.split('\n')[0].slice(0, 200);

/** The bytes of a file. @throws DataError that names it. */
export async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new DataError(
      `${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`,
    );
  }
}
