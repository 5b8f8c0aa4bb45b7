/** @file Metadata of models from strangers: every number in it is bounded before anything is allocated by it. */
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/base/errors.ts';
import { encodeModel } from '../../src/export/onnx/proto.ts';
import { formatMetadata, type ModelMetadata, parseMetadata } from '../../src/portable/metadata.ts';
import { createSegmenter } from '../../src/portable/segmenter.ts';

const valid: ModelMetadata = {
  classes: [{ name: 'road', colour: [1, 2, 3] }],
  preprocessing: { layout: 'channelsFirst', dtype: 'float32', channels: 3, divisor: 127.5, offset: 1 },
  result: 'argmax',
  size: [16, 24],
  sideMultiple: 8,
  precision: 'float32',
  preparation: {
    spacingMm: [1, 2, 2],
    normalisation: [{ kind: 'window', window: [-100, 200], mean: 0, deviation: 1 }],
    cropForeground: true,
  },
  version: '1.2.3',
};
const entries = formatMetadata(valid);

/** Every number in a JSON value, with a copy of the value in which another one has its place. */
function numbersIn(value: unknown): ((other: number) => unknown)[] {
  if (typeof value === 'number') return [(other) => other];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, part]) =>
    numbersIn(part).map((put) => (other: number) => {
      const copy = structuredClone(value) as Record<string, unknown>;
      copy[key] = put(other);
      return copy;
    }),
  );
}

describe('metadata of a model', () => {
  it.each(['input_size', 'side_multiple', 'palette'])('%s takes no huge number', (key) => {
    const places = numbersIn(JSON.parse(entries[key]));
    expect(places.length).toBeGreaterThan(0);
    for (const put of places)
      for (const huge of [100_000_000, 2 ** 31, 1e15, 1e300, -1, 1.5])
        expect(() => parseMetadata({ ...entries, [key]: JSON.stringify(put(huge)) }, 'm.onnx'), `${huge}`).toThrow(
          /^m\.onnx: metadata "/,
        );
  });

  it.each([
    ['input_size', [50_000, 50_000]],
    ['input_size', [1e15, 1e15]],
    ['input_size', [2 ** 13, 2 ** 13 + 1]],
    ['input_size', [600, 600, 600]],
    ['side_multiple', 12_000],
    ['preprocessing', { ...valid.preprocessing, channels: 1e6 }],
    ['preparation', { ...valid.preparation, spacingMm: [1, 1e-9, 1] }],
    ['preparation', { ...valid.preparation, spacingMm: [1, 1e9, 1] }],
  ])('%s %j is refused', (key, value) => {
    expect(() => parseMetadata({ ...entries, [key]: JSON.stringify(value) }, 'm.onnx')).toThrow(DataError);
  });

  it('has regions of its classes only', () => {
    const region = { name: 'up', colour: [1, 2, 3] as [number, number, number], classes: [0], written: 0 };
    const given: ModelMetadata = { ...valid, regions: [region], result: 'sigmoid' };
    const written = formatMetadata(given);
    expect(parseMetadata(written, 'm.onnx')).toEqual(given);
    const wrong: unknown[] = [
      [],
      [{ ...region, classes: [] }],
      [{ ...region, classes: [1] }],
      [{ ...region, written: 1 }],
      [{ ...region, written: 0.5 }],
      [{ ...region, name: 1 }],
      [{ ...region, colour: [1, 2, 300] }],
      { up: region },
      null,
    ];
    for (const regions of wrong)
      expect(() => parseMetadata({ ...written, regions: JSON.stringify(regions) }, 'm.onnx')).toThrow(
        /^m\.onnx: metadata "regions" is .*expected up to 256 regions/,
      );
    // Softmax belongs to classes, sigmoid to regions.
    expect(() => parseMetadata({ ...written, result: 'softmax' }, 'm.onnx')).toThrow(/"result".*logits or sigmoid/);
    expect(() => parseMetadata({ ...entries, result: 'sigmoid' }, 'm.onnx')).toThrow(/"result".*logits or softmax/);
  });

  it('of the largest sizes is read', () => {
    for (const size of [
      [2 ** 13, 2 ** 13],
      [400, 400, 400],
    ])
      expect(parseMetadata({ ...entries, input_size: JSON.stringify(size) }, 'm.onnx').size).toEqual(size);
  });
});

it('an image that the multiple of its sides would make too large is refused before it is resized', async () => {
  const metadata = formatMetadata({ ...valid, size: 'dynamic', sideMultiple: 1024 });
  const model = encodeModel({
    ...{ irVersion: 8, opset: 17, producerVersion: '1', name: 'network', tensors: [], metadata },
    nodes: [{ operator: 'Identity', name: 'same', inputs: ['image'], outputs: ['scores'], attributes: {} }],
    inputs: [{ name: 'image', dtype: 'float32', shape: ['batch', 3, 'height', 'width'] }],
    outputs: [{ name: 'scores', dtype: 'float32', shape: ['batch', 1, 'height', 'width'] }],
  });
  const refused = () => Promise.reject(new Error('the model ran'));
  const session = { inputNames: ['image'], outputNames: ['scores'], run: refused, release: async () => undefined };
  const runtime = {
    InferenceSession: { create: async () => session },
    Tensor: class {
      constructor() {
        throw new Error('a tensor was made');
      }
    },
  };
  const segmenter = await createSegmenter(runtime, model, 'm.onnx', {});
  const [width, height] = [2 ** 19, 1];
  await expect(segmenter.segment({ width, height, data: new Uint8Array(3 * width) })).rejects.toThrow(
    'm.onnx: an image of 524288x1 pixels would be read as 524288x1024',
  );
});
