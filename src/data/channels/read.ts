/**
 * @file Image files with their channels as they are stored: PNG of 8 and 16 bits, TIFF of any number of channels with 8 or 16 bits or in float32. PNG goes
 * through our own decoder, TIFF through sharp without any conversion, other formats as 8-bit RGB.
 *
 * Why sharp: libtiff reads every compression and both byte orders, stops where a strip has its size, and is here already; of planes of tiles, which it does
 * not read, it says so. Of 216 files of the test's encoder geotiff 3.0.5 refused all of the big-endian order, and grew by 493 MiB at an image of 16 x 16
 * pixels whose strip inflates to 256 MiB; tiff 7.1.3 read neither planes nor tiles right.
 */
import { DataError } from '../../base/errors.ts';
import { openWithSharp, sharpFormat } from '../images/decoder.ts';
import { decodeImageFile, firstLine, pngOrientation, readBytes, toRgb } from '../images/image.ts';
import { turnUpright } from '../images/orientation.ts';
import { decodePng, isPng } from '../images/png.ts';
import { PHOTOMETRIC, withPhotometric } from '../images/tiff.ts';
import {
  describeChannels,
  type ImageChannels,
  type MeasuredChannels,
  SAMPLE_WORDS,
  type Samples,
  type SampleType,
  shownChannels,
} from './format.ts';
import { readStoredChannels, type StoredChannels } from './header.ts';
import { showSamples } from './normalise.ts';

/** An image with the channels of its file, turned upright. */
export interface ChannelImage {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** `[height, width, channels]`. */
  readonly data: Exclude<Samples, Uint8ClampedArray>;
}

/** As {@link ChannelImage}, with what the file says beside the samples. */
export interface ChannelFile extends ChannelImage {
  readonly dtype: SampleType;
  /** The EXIF orientation that was applied: 1 (none) to 8. */
  readonly orientation: number;
  /** Pages of the file; only the first is read. */
  readonly pages: number;
}

/** What is expected of an image. */
export type WantedChannels = Pick<MeasuredChannels, 'names' | 'dtype'> & Partial<Pick<ImageChannels, 'from'>>;

/**
 * Loads an image with these channels.
 * @throws DataError that names the file: unreadable, or of other channels or another type of samples.
 */
export async function loadChannels(file: string, wanted: WantedChannels): Promise<ChannelFile> {
  return decodeChannels(await readBytes(file), file, wanted);
}

/** As {@link loadChannels}, from the bytes of a file. */
export async function decodeChannels(bytes: Uint8Array, file: string, wanted: WantedChannels): Promise<ChannelFile> {
  const stored = readStoredChannels(bytes);
  // Refused by the header where it can be: decoding takes time.
  if (stored !== undefined)
    requireChannels({ ...stored, colours: stored.channels - Number(stored.hasAlpha) }, file, wanted);
  const image = await decodeStored(bytes, file);
  requireChannels({ ...image, colours: image.channels - Number(image.hasAlpha) }, file, wanted);
  const { hasAlpha: _, ...rest } = image;
  return image.channels === wanted.names.length ? rest : withoutLast(rest);
}

/** An image as a network is given it, and as people are shown it. */
export interface InputImage {
  readonly width: number;
  readonly height: number;
  /** As stored, or 8-bit RGB. */
  readonly data: ChannelImage['data'];
  /** RGB, `[height, width, 3]`. */
  readonly shown: Uint8Array;
}

/** Loads an image for a network: with the channels that it reads, or as 8-bit RGB where it has none. @throws DataError that names the file */
export async function loadInput(file: string, channels?: MeasuredChannels): Promise<InputImage> {
  if (channels !== undefined) return withShown(await loadChannels(file, channels), channels);
  const { width, height, data } = await decodeImageFile(await readBytes(file), file);
  return { width, height, data, shown: data };
}

/** An image in memory with what people are shown of it. */
export const withShown = (
  { width, height, data }: Pick<ChannelImage, 'width' | 'height' | 'data'>,
  { names }: Pick<MeasuredChannels, 'names'>,
): InputImage => ({ width, height, data, shown: showSamples(data, names.length, shownChannels(names)) });

interface Counted {
  readonly channels: number;
  /** Without alpha. */
  readonly colours: number;
  readonly dtype: SampleType;
}

/** Alpha counts where its channel has a name. @throws DataError */
function requireChannels({ channels, colours, dtype }: Counted, file: string, wanted: WantedChannels): void {
  const { names, from } = wanted;
  if ((channels === names.length || colours === names.length) && dtype === wanted.dtype) return;
  const got = `${colours} channel${colours === 1 ? '' : 's'}${channels > colours ? ' and alpha' : ''} of ${SAMPLE_WORDS[dtype]}`;
  const said = from === undefined ? '' : `, as in ${from}`;
  throw new DataError(
    `${file}: expected ${describeChannels(wanted)}${said}, got ${got}`,
    from === undefined
      ? 'give images like those that the network was trained on'
      : 'all images of a data set have the same channels and type of samples: write them alike, or read all as 8-bit RGB by `channels: rgb` in data.yaml',
  );
}

type Decoded = ChannelFile & { readonly hasAlpha: boolean };

/** Every sample of a file. */
async function decodeStored(bytes: Uint8Array, file: string): Promise<Decoded> {
  if (isPng(bytes)) return decodePngFile(bytes, file);
  const stored = readStoredChannels(bytes);
  if (stored !== undefined && sharpFormat(bytes) === 'tiff') return decodeTiff(bytes, file, stored);
  const { width, height, data, orientation, pages } = await decodeImageFile(bytes, file);
  return { width, height, channels: 3, dtype: 'uint8', data, orientation, pages, hasAlpha: false };
}

function decodePngFile(bytes: Uint8Array, file: string): Decoded {
  const raster = decodePng(bytes, file);
  const orientation = pngOrientation(bytes);
  const { channels, bitDepth, palette } = raster;
  const whole =
    palette !== undefined
      ? { ...toRgb(raster, file), channels: 3 }
      : bitDepth < 8
        ? { ...raster, data: raster.data.map((value) => Math.round((value * 255) / (2 ** bitDepth - 1))) }
        : raster;
  const { width, height, data, ...rest } = turnUpright(whole, orientation);
  const dtype = data instanceof Uint16Array ? 'uint16' : 'uint8';
  const hasAlpha = palette === undefined && channels % 2 === 0;
  return { width, height, channels: rest.channels, data, dtype, orientation, pages: 1, hasAlpha };
}

/** How sharp gives samples unchanged. */
const DEPTHS = {
  uchar: ['uint8', Uint8Array],
  ushort: ['uint16', Uint16Array],
  float: ['float32', Float32Array],
} as const;

async function decodeTiff(
  bytes: Uint8Array,
  file: string,
  { channels: stored, hasAlpha }: StoredChannels,
): Promise<Decoded> {
  try {
    // Of several grey channels libvips gives the first one, or mixes up planes; called colours it gives all of them as they are.
    const given = stored > 1 ? withPhotometric(bytes, PHOTOMETRIC.rgb) : bytes;
    const { image, metadata } = await openWithSharp(given, 'tiff', file, true);
    const { depth = 'uchar', space = 'multiband', orientation = 1, pages = 1 } = metadata;
    if (!Object.hasOwn(DEPTHS, depth))
      throw new DataError(`${file}: expected samples of 8 or 16 bits or float32, got ${depth}`, CONVERT);
    const type = depth as keyof typeof DEPTHS;
    const [dtype, Numbers] = DEPTHS[type];
    // In its own space an image is not converted.
    const raw = await image.toColourspace(space).raw({ depth: type }).toBuffer({ resolveWithObject: true });
    const { width, height, channels } = raw.info;
    if (channels !== stored) throw new DataError(`${file}: ${channels} of ${stored} channels were decoded`, CONVERT);
    // A copy begins at a multiple of the size of a sample.
    const { buffer, byteOffset, byteLength } = raw.data;
    const data = new Numbers(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
    return { ...turnUpright({ width, height, channels, data }, orientation), dtype, orientation, pages, hasAlpha };
  } catch (error) {
    if (error instanceof DataError) throw error;
    const message = firstLine(error);
    throw new DataError(
      `${file}: cannot be decoded (${message})`,
      /separate planes/.test(message) ? 'write its tiles pixel by pixel: gdal_translate -co INTERLEAVE=PIXEL' : CONVERT,
    );
  }
}

const CONVERT = 'write it again as TIFF of 8 or 16 bits a sample or in float32, uncompressed or by LZW or deflate';

/** Without the last channel. */
function withoutLast<Of extends ChannelImage>(image: Of): Of {
  const { width, height, channels, data } = image;
  const kept = channels - 1;
  const out = data.slice(0, width * height * kept);
  for (let i = 0, from = 0, to = 0; i < width * height; i++, from++)
    for (let c = 0; c < kept; c++) out[to++] = data[from++];
  return { ...image, channels: kept, data: out };
}
