/** @file Batches as tensors: interleaved values come out by channel, for pictures and volumes alike. */
import { expect, it } from 'vitest';
import { scope } from '../../src/engine/tensor.ts';
import { toTensors } from '../../src/infer/batch.ts';

it.each([
  { size: [3, 4], channels: 3 },
  { size: [2, 3, 4], channels: 2 },
  { size: [2, 3, 4], channels: 1 },
])('moves channels first: %o', ({ size, channels }) => {
  const voxels = size.reduce((product, side) => product * side);
  const images = Float32Array.from({ length: 2 * voxels * channels }, (_, i) => i);
  const labels = Uint8Array.from({ length: 2 * voxels }, (_, i) => i);
  scope(() => {
    const tensors = toTensors({ images, labels, batch: 2, size, channels }, 'cpu');
    expect(tensors.images.shape).toEqual([2, channels, ...size]);
    expect(tensors.labels.shape).toEqual([2, ...size]);
    expect(tensors.labels.dtype).toBe('int64');
    const moved = tensors.images.data();
    for (let b = 0; b < 2; b++)
      for (let v = 0; v < voxels; v++)
        for (let c = 0; c < channels; c++)
          expect(moved[(b * channels + c) * voxels + v]).toBe(images[(b * voxels + v) * channels + c]);
  });
});
