/**
 * @file Label files with their values as they are stored: PNG through our own decoder, TIFF without loss and GIF through sharp. Knows nothing of
 * classes; what the values mean is `labelIds.ts`.
 */
import { DataError } from '../../base/errors.ts';
import type { Raster } from '../types.ts';
import { isGif, openWithSharp } from './decoder.ts';
import { firstLine, readBytes } from './image.ts';
import { decodePng, isPng } from './png.ts';
import { isLossless, isTiff, PHOTOMETRIC, readTiffTags } from './tiff.ts';

const WRITE_PNG = 'write grey or indexed PNG whose value is the class';

/** Loads a label file: one channel of values or of palette indices, or three of colours. Grey that was saved as RGB or with full alpha is one channel. */
export async function loadLabels(file: string): Promise<Raster> {
  return decodeLabels(await readBytes(file), file);
}

/** As {@link loadLabels}, from the bytes of a file. A `DataError` names `file`. */
export async function decodeLabels(bytes: Uint8Array, file: string): Promise<Raster> {
  if (isPng(bytes)) return reduceChannels(decodePng(bytes, file), file);
  if (isTiff(bytes)) return reduceChannels(await decodeTiff(bytes, file), file);
  if (isGif(bytes)) return reduceChannels(await decodeGif(bytes, file), file);
  const [a, b] = bytes;
  throw new DataError(
    `${file}: expected labels as PNG, GIF or TIFF without loss, got ${a === 0xff && b === 0xd8 ? 'JPEG, which changes the values' : 'another format'}`,
    `${WRITE_PNG}, from the original drawing`,
  );
}

/** Without an alpha channel that is full everywhere, and without channels that repeat the first. */
function reduceChannels(raster: Raster, file: string): Raster {
  const opaque = raster.channels % 2 === 0 ? withoutAlpha(raster, file) : raster;
  if (opaque.channels === 1) return opaque;
  const { width, height, data, bitDepth } = opaque;
  const grey = bitDepth === 16 ? new Uint16Array(width * height) : new Uint8Array(width * height);
  for (let i = 0; i < grey.length; i++) {
    const value = data[3 * i];
    if (data[3 * i + 1] !== value || data[3 * i + 2] !== value) return opaque;
    grey[i] = value;
  }
  return { width, height, bitDepth, channels: 1, data: grey };
}

function withoutAlpha({ width, height, channels, bitDepth, data }: Raster, file: string): Raster {
  const kept = channels - 1;
  const full = 2 ** bitDepth - 1;
  const out = bitDepth === 16 ? new Uint16Array(width * height * kept) : new Uint8Array(width * height * kept);
  for (let i = 0; i < width * height; i++) {
    if (data[i * channels + kept] !== full) {
      throw new DataError(
        `${file}: expected labels without transparency, got an alpha of ${data[i * channels + kept]} at column ${i % width}, row ${Math.floor(i / width)}`,
        `a pixel has one class: ${WRITE_PNG}`,
      );
    }
    for (let c = 0; c < kept; c++) out[i * kept + c] = data[i * channels + c];
  }
  return { width, height, channels: kept, bitDepth, data: out };
}

async function decodeTiff(bytes: Uint8Array, file: string): Promise<Raster> {
  const tags = readTiffTags(bytes);
  const refuse = (got: string): never => {
    throw new DataError(`${file}: expected labels as TIFF without loss, grey or RGB, got ${got}`, WRITE_PNG);
  };
  if (!isLossless(tags)) refuse(`compression ${tags.compression}, which may change the values`);
  if (tags.photometric === PHOTOMETRIC.palette) refuse('a palette');
  if (tags.photometric === PHOTOMETRIC.whiteIsZero) refuse('inverted grey (white is zero)');
  const { blackIsZero, rgb } = PHOTOMETRIC;
  if (tags.photometric !== blackIsZero && tags.photometric !== rgb)
    refuse(`photometric ${tags.photometric ?? 'unknown'}`);
  try {
    const { image, metadata } = await openWithSharp(bytes, 'tiff', file, true);
    const { depth, bitsPerSample = 8, channels, pages = 1 } = metadata;
    if (channels !== undefined && channels > 4) refuse(`${channels} channels`);
    if (pages > 1) refuse(`${pages} pages`);
    if (![1, 8, 16].includes(bitsPerSample) || (depth !== 'uchar' && depth !== 'ushort'))
      refuse(`${bitsPerSample} bits a sample as ${depth}`);
    const deep = depth === 'ushort';
    const space = channels !== undefined && channels < 3 ? (deep ? 'grey16' : 'b-w') : deep ? 'rgb16' : 'srgb';
    const { data, info } = await image
      .toColourspace(space)
      .raw({ depth: deep ? 'ushort' : 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const whole = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer;
    const samples = deep ? new Uint16Array(whole) : new Uint8Array(whole);
    // sharp spreads one bit over a byte; stored are 0 and 1.
    if (bitsPerSample === 1) for (let i = 0; i < samples.length; i++) samples[i] &= 1;
    const { width, height } = info;
    return { width, height, channels: info.channels, bitDepth: bitsPerSample, data: samples };
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${file}: cannot be decoded (${firstLine(error)})`, WRITE_PNG);
  }
}

/** The one frame of a GIF as it shows: its colours, which mean classes like those of RGB, or its greys. */
async function decodeGif(bytes: Uint8Array, file: string): Promise<Raster> {
  try {
    const { image, metadata } = await openWithSharp(bytes, 'gif', file, true);
    const { pages = 1 } = metadata;
    if (pages > 1) throw new DataError(`${file}: expected labels of one frame, got ${pages}`, WRITE_PNG);
    const { data, info } = await image.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    return { width, height, channels, bitDepth: 8, data: new Uint8Array(data) };
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${file}: cannot be decoded (${firstLine(error)})`, WRITE_PNG);
  }
}
