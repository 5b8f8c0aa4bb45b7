/**
 * @file The pixels of whatever a page has as an image, as stored: no colour profile applied.
 */
import { ShapeError } from '../base/errors.ts';
import { describeChannels, type MeasuredChannels, shownChannels } from '../data/channels/format.ts';
import { requireSamples, type SampledImage, showSamples } from '../data/channels/normalise.ts';

/** A picture of a page: pixels, a file, or anything that a canvas draws. */
export type ImageSource =
  | ImageData
  | Blob
  | ImageBitmap
  | HTMLImageElement
  | HTMLCanvasElement
  | HTMLVideoElement
  | OffscreenCanvas;

/** The samples that a model is given of a source, and the same as people are shown it. @throws ShapeError where it has other channels. */
export async function inputOf(
  source: ImageSource | SampledImage,
  channels?: MeasuredChannels,
): Promise<{ input: SampledImage; picture: ImageData }> {
  if (!isSampled(source)) {
    const picture = await pixelsOf(source);
    return { input: channels === undefined ? picture : withoutAlpha(picture, channels), picture };
  }
  if (channels === undefined)
    throw new ShapeError(`expected an image of the page for a model of 8-bit RGB, got ${source.data.length} samples`);
  requireSamples(source, channels);
  const { width, height, data } = source;
  const { names } = channels;
  const shown = showSamples(data, names.length, shownChannels(names));
  const picture = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    picture.data.set(shown.subarray(3 * i, 3 * i + 3), 4 * i);
    picture.data[4 * i + 3] = 255;
  }
  return { input: source, picture };
}

/** An image of the page for a model of three channels of bytes that are not called red, green and blue. */
function withoutAlpha({ width, height, data }: ImageData, channels: MeasuredChannels): SampledImage {
  if (channels.names.length !== 3 || channels.dtype !== 'uint8')
    throw new ShapeError(`expected samples of ${describeChannels(channels)}, got an image of the page, 8-bit RGB`);
  return { width, height, data: data.filter((_, i) => i % 4 < 3) };
}

/** Whether a source is samples already; an `ImageData` is one of RGBA. */
const isSampled = (source: ImageSource | SampledImage): source is SampledImage =>
  'data' in source && !(source instanceof ImageData);

/** The pixels of an image at its own size; of a video, those of the frame that it shows. */
export async function pixelsOf(source: ImageSource): Promise<ImageData> {
  if (source instanceof ImageData) return source;
  if (source instanceof Blob) {
    const bitmap = await createImageBitmap(source, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
    try {
      return drawn(bitmap, bitmap.width, bitmap.height);
    } finally {
      bitmap.close();
    }
  }
  if (source instanceof HTMLImageElement) return drawn(source, source.naturalWidth, source.naturalHeight);
  if (source instanceof HTMLVideoElement) return drawn(source, source.videoWidth, source.videoHeight);
  return drawn(source, source.width, source.height);
}

function drawn(source: CanvasImageSource, width: number, height: number): ImageData {
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('this browser gives no canvas to read pixels from');
  context.drawImage(source, 0, 0);
  return context.getImageData(0, 0, width, height);
}
