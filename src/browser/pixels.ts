/**
 * @file The pixels of whatever a page has as an image, as stored: no colour profile applied.
 */

/** A picture of a page: pixels, a file, or anything that a canvas draws. */
export type ImageSource =
  | ImageData
  | Blob
  | ImageBitmap
  | HTMLImageElement
  | HTMLCanvasElement
  | HTMLVideoElement
  | OffscreenCanvas;

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
