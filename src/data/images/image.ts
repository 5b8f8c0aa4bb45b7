/**
 * @file Picture and label files as 8-bit arrays. PNG goes through our own decoder, anything else (JPEG, WebP, TIFF) through sharp.
 * Knows nothing of classes: label values come as they are stored.
 */
import { readFile } from 'node:fs/promises';
import { DataError } from '../../base/errors.ts';
import type { Raster } from '../types.ts';
import { decodePng, isPng, MAX_PIXELS } from './png.ts';
import { paletteColour } from './visual.ts';

/** A photograph, `[height, width, 3]`. */
export interface RgbPicture {
  width: number;
  height: number;
  data: Uint8Array;
}

/** Loads a photograph as RGB: palettes applied, grey repeated, 16 bits rounded to 8, alpha dropped, turned upright by its EXIF tag. */
export async function loadPicture(file: string): Promise<RgbPicture> {
  return decodePicture(await readBytes(file), file);
}

/** As {@link loadPicture}, from the bytes of a file. A `DataError` names `file`. */
export async function decodePicture(bytes: Uint8Array, file: string): Promise<RgbPicture> {
  return isPng(bytes) ? toRgb(decodePng(bytes, file), file) : decodeWithSharp(bytes, file);
}

/** Loads a label file with its raw values, one channel: PNG only, grey or indexed. */
export async function loadLabelMap(file: string): Promise<Raster> {
  const bytes = await readBytes(file);
  if (!isPng(bytes)) throw new DataError(`${file}: no PNG`, 'label files must be PNG: JPEG changes the values');
  const raster = decodePng(bytes, file);
  if (raster.channels !== 1) {
    throw new DataError(
      `${file}: a label file of ${raster.channels} channels, one is expected`,
      isPalettePicture(raster)
        ? 'it was saved with the VOC palette applied: copy the original, or save the indices without converting to RGB'
        : 'it shows colours instead of class ids: write grey or indexed PNG whose value is the class',
    );
  }
  return raster;
}

/** Whether every colour is one of the VOC palette, as after a program that applies palettes. */
function isPalettePicture({ channels, bitDepth, data }: Raster): boolean {
  if (channels < 3 || bitDepth !== 8) return false;
  const known = new Set(Array.from({ length: 256 }, (_, id) => paletteColour(id).join()));
  const seen = new Set<string>();
  for (let i = 0; i < data.length; i += channels) seen.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
  return seen.size > 1 && [...seen].every((colour) => known.has(colour));
}

/** Any raster as 8-bit RGB; an index beyond the palette is an error. */
export function toRgb(raster: Raster, file: string): RgbPicture {
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

/** How the files begin that sharp is given. It reads more, SVG among them, which may name other files. */
const SIGNATURES: readonly (readonly [offset: number, text: string])[] = [
  [0, '\xff\xd8\xff'], // JPEG
  [8, 'WEBP'],
  [0, 'II*\0'], // TIFF, little-endian
  [0, 'MM\0*'], // TIFF, big-endian
];

/** A picture that takes longer to decode is refused. */
const MOST_SECONDS = 30;

async function decodeWithSharp(bytes: Uint8Array, file: string): Promise<RgbPicture> {
  const begins = ([offset, text]: readonly [number, string]) =>
    Buffer.from(bytes.subarray(offset, offset + text.length)).toString('latin1') === text;
  if (!SIGNATURES.some(begins))
    throw new DataError(`${file}: is no PNG, JPEG, WebP or TIFF`, 'PNG and JPEG are read: convert the file');
  const { default: sharp } = await import('sharp');
  try {
    // The size is taken from the header and refused before anything of it is decoded.
    const { data, info } = await sharp(bytes, { limitInputPixels: MAX_PIXELS })
      .timeout({ seconds: MOST_SECONDS })
      .rotate()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return toRgb({ width: info.width, height: info.height, channels: info.channels, bitDepth: 8, data: raw }, file);
  } catch (error) {
    throw new DataError(
      `${file}: cannot be decoded (${(error as Error).message})`,
      'PNG and JPEG are read: convert the file',
    );
  }
}

async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new DataError(
      `${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`,
    );
  }
}
