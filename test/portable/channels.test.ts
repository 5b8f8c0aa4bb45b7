/** @file Models of images with channels of their own: samples are normalised as the metadata say, refused where they are others, and bounded. */
import { describe, expect, it } from 'vitest';
import { normaliseSamples } from '../../src/data/channels/normalise.ts';
import { encodeModel } from '../../src/export/onnx/proto.ts';
import { formatMetadata, type ModelMetadata, parseMetadata } from '../../src/portable/metadata.ts';
import { resizeChannels, toPlanes } from '../../src/portable/pixels.ts';
import { createSegmenter } from '../../src/portable/segmenter.ts';

const valid: ModelMetadata = {
  classes: [{ name: 'field', colour: [1, 2, 3] }],
  preprocessing: { layout: 'channelsFirst', dtype: 'float32', channels: 2, divisor: 1, offset: 0 },
  channels: {
    names: ['red', 'nir'],
    dtype: 'uint16',
    normalisation: [
      { kind: 'window', window: [100, 4000], mean: 1000, deviation: 250 },
      { kind: 'zscore', percentiles: [0.5, 99.5] },
    ],
  },
  result: 'argmax',
  size: 'dynamic',
  precision: 'float32',
  version: '1.2.3',
};

/** A segmenter whose runtime keeps what it is given. */
async function recording(metadata: ModelMetadata) {
  const given: { data: Float32Array | Uint8Array; shape: readonly number[] }[] = [];
  const model = encodeModel({
    ...{ irVersion: 8, opset: 17, producerVersion: '1', name: 'network', tensors: [] },
    metadata: formatMetadata(metadata),
    nodes: [{ operator: 'Identity', name: 'same', inputs: ['image'], outputs: ['ids'], attributes: {} }],
    inputs: [{ name: 'image', dtype: 'float32', shape: ['batch', 2, 'height', 'width'] }],
    outputs: [{ name: 'ids', dtype: 'uint8', shape: ['batch', 'height', 'width'] }],
  });
  const run = async () => {
    const [, , height, width] = given.at(-1)!.shape;
    return { ids: { data: new Uint8Array(height * width) } };
  };
  const runtime = {
    InferenceSession: {
      create: async () => ({ inputNames: ['image'], outputNames: ['ids'], run, release: async () => undefined }),
    },
    Tensor: class {
      constructor(_: string, data: Float32Array | Uint8Array, shape: readonly number[]) {
        given.push({ data, shape });
      }
    },
  };
  return { given, segmenter: await createSegmenter(runtime, model, 'm.onnx', {}) };
}

const [width, height] = [5, 4];
const data = Uint16Array.from({ length: 2 * width * height }, (_, i) => 150 * i);
const { normalisation } = valid.channels!;

describe('a model of two channels', () => {
  it('is given planes about zero, normalised as its metadata say', async () => {
    const { given, segmenter } = await recording(valid);
    expect(segmenter.metadata.channels).toEqual(valid.channels);
    await segmenter.segment({ width, height, data });
    expect(given[0].shape).toEqual([1, 2, height, width]);
    const values = normaliseSamples(data, normalisation);
    expect(given[0].data).toEqual(toPlanes(values, 2));
    expect([...given[0].data.subarray(0, width * height)]).toEqual([...values.filter((_, i) => i % 2 === 0)]);
  });

  it('of a fixed size is given them resized, after they were normalised', async () => {
    const { given, segmenter } = await recording({ ...valid, size: [8, 3] });
    const map = await segmenter.segment({ width, height, data });
    expect([map.width, map.height, map.ids.length]).toEqual([width, height, width * height]);
    const values = resizeChannels(normaliseSamples(data, normalisation), 2, [height, width], [8, 3]);
    expect(given[0].data).toEqual(toPlanes(values, 2));
    // Corners stay where they are.
    expect(values[0]).toBe(normaliseSamples(data, normalisation)[0]);
  });

  it('refuses other channels and other types of samples', async () => {
    const { segmenter } = await recording(valid);
    for (const other of [Uint8Array.from(data), Float32Array.from(data), data.subarray(2)])
      await expect(segmenter.segment({ width, height, data: other })).rejects.toThrow(
        /expected an image of 2 channels \(red, nir\) of 16 bits, got/,
      );
    const rgb = await recording({
      ...valid,
      channels: undefined,
      preprocessing: { ...valid.preprocessing, channels: 3, divisor: 127.5, offset: 1 },
    });
    const three = new Uint16Array(3 * width * height);
    await expect(rgb.segmenter.segment({ width, height, data: three })).rejects.toThrow(/8-bit RGB, got .*uint16/);
  });

  it('counts channels where an image would become too large', async () => {
    const names = Array.from({ length: 200 }, (_, i) => `${i}`);
    const many = {
      ...valid,
      preprocessing: { ...valid.preprocessing, channels: 200 },
      channels: { names, dtype: 'uint16' as const, normalisation: names.map(() => ({ kind: 'none' as const })) },
      size: [4096, 4096],
    };
    const { segmenter } = await recording(many);
    await expect(segmenter.segment({ width: 1, height: 1, data: new Uint16Array(200) })).rejects.toThrow(
      /m\.onnx: an image of 1x1 pixels would be read as 4096x4096; at most/,
    );
  });
});

describe('metadata of channels', () => {
  const entries = formatMetadata(valid);
  const { channels } = valid;
  it.each([
    ['no names', { ...channels, names: [], normalisation: [] }],
    ['a normalisation too few', { ...channels, normalisation: normalisation.slice(1) }],
    ['an unknown type', { ...channels, dtype: 'float64' }],
    [
      'a thousand names',
      { ...channels, names: Array(1000).fill('a'), normalisation: Array(1000).fill({ kind: 'none' }) },
    ],
    ['a window that is none', { ...channels, normalisation: [{ kind: 'window', window: [1] }, { kind: 'none' }] }],
    ['a list', []],
  ])('with %s are refused', (_, value) => {
    expect(() => parseMetadata({ ...entries, channels: JSON.stringify(value) }, 'm.onnx')).toThrow(
      /^m\.onnx: metadata "channels" is .*expected names, dtype and a normalisation for each name/,
    );
  });

  it('that contradict the input are refused', async () => {
    await expect(recording({ ...valid, preprocessing: { ...valid.preprocessing, channels: 3 } })).rejects.toThrow(
      /m\.onnx: is no model of images/,
    );
  });
});
