/**
 * @file Gaussian smoothing of a patch, in place: axis after axis, the edge voxels repeated outside.
 */
import type { VolumeShape } from '../volume.ts';

/** Smooths `[...size, channels]` with a deviation in voxels; the kernel ends after three deviations. */
export function smoothPatch(images: Float32Array, size: VolumeShape, channels: number, deviation: number): void {
  const kernel = gaussian(deviation);
  const strides = [size[1] * size[2] * channels, size[2] * channels, channels];
  for (let axis = 0; axis < 3; axis++) smoothAxis(images, size[axis], strides[axis], kernel);
}

/** Weights at -radius..radius, which sum to 1. */
function gaussian(deviation: number): Float64Array {
  const radius = Math.max(1, Math.ceil(3 * deviation));
  const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-0.5 * ((i - radius) / deviation) ** 2),
  );
  const sum = kernel.reduce((total, weight) => total + weight, 0);
  return kernel.map((weight) => weight / sum);
}

/** Every line along an axis: its voxels lie `stride` apart, and lines begin at all other places. */
function smoothAxis(images: Float32Array, side: number, stride: number, kernel: Float64Array): void {
  const radius = (kernel.length - 1) / 2;
  // The line with its ends drawn out, so that the inner loop asks for no edge.
  const line = new Float64Array(side + 2 * radius);
  const block = side * stride;
  for (let first = 0; first < images.length; first += block) {
    for (let start = first; start < first + stride; start++) {
      for (let i = 0; i < side; i++) line[radius + i] = images[start + i * stride];
      line.fill(line[radius], 0, radius);
      line.fill(line[radius + side - 1], radius + side);
      for (let i = 0; i < side; i++) {
        let sum = 0;
        for (let k = 0; k < kernel.length; k++) sum += kernel[k] * line[i + k];
        images[start + i * stride] = sum;
      }
    }
  }
}
