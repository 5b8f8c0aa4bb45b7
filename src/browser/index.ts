/**
 * @file `espalier/browser`: exported models on onnxruntime-web, with WebGPU where the browser has it. Knows the page's images; everything else is
 * the same code as in Node.
 */
import { DataError } from '../base/errors.ts';
import type { SampledImage } from '../data/channels/normalise.ts';
import { overlayLabels } from '../data/images/visual.ts';
import type { ModelMetadata } from '../portable/metadata.ts';
import { createSegmenter, type OnnxRuntime } from '../portable/segmenter.ts';
import { type ImageSource, inputOf } from './pixels.ts';

export type { SampledImage } from '../data/channels/normalise.ts';
export type { Region, SegmentationClass } from '../data/types.ts';
export type { ModelMetadata } from '../portable/metadata.ts';
export type { ImageSource } from './pixels.ts';

/** Where a model computes. */
export type Provider = 'webgpu' | 'wasm';

/** How a model is loaded. */
export interface LoadOptions {
  /** What is tried, in this order; default: WebGPU, then WebAssembly. */
  readonly providers?: readonly Provider[];
  /** SHA-256 of the model in hexadecimal, such as that in `networks/nuclei.json`; another model is refused. Needs HTTPS or localhost. */
  readonly sha256?: string;
}

/** How the classes are drawn over a picture. */
export interface OverlayOptions {
  /** 0 is the image, 1 the colours; default 0.5. */
  readonly opacity?: number;
  /** Ids of classes that show the image. */
  readonly hidden?: ReadonlySet<number>;
}

/** A segmented image. */
export interface BrowserSegmentation {
  readonly width: number;
  readonly height: number;
  /** `[height, width]`, ids into the classes of the model. */
  readonly ids: Uint8Array;
  /** Of a model of regions that gives scores: where each of `metadata.regions` is, `[regions, height, width]` of 0 and 1. */
  readonly masks?: Uint8Array;
  /** The image with the colours of the classes over it. */
  readonly overlay: ImageData;
  /** The image as it was read; of other channels than RGB those that people are shown. */
  readonly picture: ImageData;
  /** Time from pixels to class map. */
  readonly milliseconds: number;
}

/** A loaded model. */
export interface BrowserSegmenter {
  /** Names and colours; a class's id is its place. */
  readonly classes: ModelMetadata['classes'];
  readonly metadata: ModelMetadata;
  readonly provider: Provider;
  /**
   * @param source what a page has as an image; for a model with `metadata.channels` samples of these channels and of their type, such as a `Uint16Array`
   * @throws ShapeError for samples of other channels or another type
   */
  segment(source: ImageSource | SampledImage, options?: OverlayOptions): Promise<BrowserSegmentation>;
  /** Draws a class map again, with other classes hidden or another opacity. */
  draw(segmentation: Pick<BrowserSegmentation, 'picture' | 'ids'>, options?: OverlayOptions): ImageData;
  release(): Promise<void>;
}

/**
 * Loads a model that `espalier export` wrote, from its address or its bytes.
 * @throws DataError when it is none or has another hash, or Error with what the last provider said.
 */
export async function loadSegmenter(
  model: string | URL | Uint8Array | ArrayBuffer,
  { providers = ['webgpu', 'wasm'], sha256 }: LoadOptions = {},
): Promise<BrowserSegmenter> {
  const bytes = await bytesOf(model);
  const name = typeof model === 'string' || model instanceof URL ? String(model) : 'the model';
  if (sha256 !== undefined) await requireHash(bytes, sha256, name);
  const runtime = await import('onnxruntime-web/webgpu');
  const { segmenter, provider } = await firstThatWorks(runtime, bytes, name, providers);
  const { metadata } = segmenter;
  const draw: BrowserSegmenter['draw'] = ({ picture, ids }, { opacity = 0.5, hidden } = {}) => {
    const data = overlayLabels(picture.data, ids, metadata.classes, opacity, (id) => !hidden?.has(id));
    return new ImageData(data, picture.width, picture.height);
  };
  return {
    classes: metadata.classes,
    metadata,
    provider,
    draw,
    async segment(source, options) {
      const { input, picture } = await inputOf(source, metadata.channels);
      const started = performance.now();
      const map = await segmenter.segment(input);
      const milliseconds = performance.now() - started;
      return { ...map, picture, milliseconds, overlay: draw({ picture, ids: map.ids }, options) };
    },
    release: () => segmenter.release(),
  };
}

async function firstThatWorks(
  runtime: OnnxRuntime<{ executionProviders: string[] }>,
  bytes: Uint8Array,
  name: string,
  providers: readonly Provider[],
) {
  let failure: unknown = new Error(`no provider of ${providers.join(', ')} is there`);
  for (const provider of providers) {
    if (provider === 'webgpu' && !(await hasGpu())) continue;
    try {
      return { provider, segmenter: await createSegmenter(runtime, bytes, name, { executionProviders: [provider] }) };
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** Whether the browser gives out a GPU: having the interface alone does not mean that. */
async function hasGpu(): Promise<boolean> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<unknown> } };
  return gpu !== undefined && (await gpu.requestAdapter().catch(() => null)) !== null;
}

async function requireHash(bytes: Uint8Array, expected: string, name: string): Promise<void> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(bytes)));
  const got = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (got !== expected.toLowerCase())
    throw new DataError(`${name}: expected a file with the SHA-256 ${expected}, got ${got}`, 'fetch the file again');
}

async function bytesOf(model: string | URL | Uint8Array | ArrayBuffer): Promise<Uint8Array> {
  if (model instanceof Uint8Array) return model;
  if (model instanceof ArrayBuffer) return new Uint8Array(model);
  const response = await fetch(model);
  if (!response.ok) throw new Error(`${model}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}
