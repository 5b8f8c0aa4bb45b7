/**
 * @file The pixels of whatever a page has as an image, as stored: no colour profile applied.
 */
import { type MeasuredChannels, shownChannels } from '../data/channels/format.ts';
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
  if (channels === undefined || !isSampled(source)) {
    const picture = await pixelsOf(source as ImageSource);
    return { input: picture, picture };
  }
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
