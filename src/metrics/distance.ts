/**
 * @file The exact Euclidean distance transform on a grid with its own spacing along every axis, in linear time: lower envelopes of parabolas, one
 * axis after the other (Felzenszwalb and Huttenlocher 2012).
 */

/**
 * Distance from every voxel to the nearest voxel of `mask`, in the unit of `spacing`; Infinity everywhere when the mask is empty.
 * @param mask not 0 is inside; row by row, the last axis fastest.
 * @param shape lengths of the axes, as many as `spacing`.
 */
export function distanceTransform(
  mask: Uint8Array,
  shape: readonly number[],
  spacing: readonly number[],
): Float32Array {
  const squared = Float32Array.from(mask, (value) => (value !== 0 ? 0 : Number.POSITIVE_INFINITY));
  let stride = mask.length;
  shape.forEach((length, axis) => {
    stride /= length;
    const envelope = createEnvelope(length, spacing[axis]);
    // The first voxel of every line along this axis.
    for (let block = 0; block < mask.length; block += stride * length)
      for (let offset = 0; offset < stride; offset++) envelope(squared, block + offset, stride);
  });
  return squared.map(Math.sqrt);
}

/** Replaces a line f(i) by the least f(j) + (spacing (i - j))^2 over all j. */
function createEnvelope(length: number, spacing: number) {
  const heights = new Float64Array(length);
  /** Places of the parabolas that are lowest somewhere, and where each begins to be. */
  const vertices = new Int32Array(length);
  const begins = new Float64Array(length + 1);
  return (values: Float32Array, start: number, stride: number): void => {
    let count = 0;
    for (let i = 0; i < length; i++) {
      heights[i] = values[start + i * stride];
      if (heights[i] === Number.POSITIVE_INFINITY) continue;
      let begin = Number.NEGATIVE_INFINITY;
      while (count > 0) {
        const j = vertices[count - 1];
        begin = ((heights[i] - heights[j]) / spacing ** 2 + i * i - j * j) / (2 * (i - j));
        if (begin > begins[count - 1]) break;
        count--;
        begin = Number.NEGATIVE_INFINITY;
      }
      vertices[count] = i;
      begins[count] = begin;
      count++;
    }
    if (count === 0) return;
    begins[count] = Number.POSITIVE_INFINITY;
    for (let i = 0, k = 0; i < length; i++) {
      while (begins[k + 1] < i) k++;
      const j = vertices[k];
      values[start + i * stride] = heights[j] + (spacing * (i - j)) ** 2;
    }
  };
}
