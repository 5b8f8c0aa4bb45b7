import { expect, it } from 'vitest';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';

const generator = new Generator(2);

it.each([
  [[2, 2, 3], 1],
  [[1, 1, 1], 1],
  [[2, 5, 4], 2],
  [[4, 5, 3], 2],
])(
  'averages a volume of %j at stride %i over the voxels of each window alone, smaller than the window or not',
  (size, stride) => {
    const x = op.randn([1, 2, ...size], generator.id, 'float64');
    const pooled = op.averagePool(x, 3, stride, 1);
    const values = x.numbers();
    const [depth, height, width] = size;
    const expected: number[] = [];
    for (let channel = 0; channel < 2; channel++) {
      for (let z = 0; z < depth; z += stride)
        for (let y = 0; y < height; y += stride)
          for (let x = 0; x < width; x += stride) {
            let [sum, count] = [0, 0];
            for (let k = Math.max(0, z - 1); k < Math.min(depth, z + 2); k++)
              for (let j = Math.max(0, y - 1); j < Math.min(height, y + 2); j++)
                for (let i = Math.max(0, x - 1); i < Math.min(width, x + 2); i++) {
                  sum += values[((channel * depth + k) * height + j) * width + i];
                  count++;
                }
            expected.push(sum / count);
          }
    }
    expect(pooled.shape).toEqual([1, 2, ...size.map((length) => Math.ceil(length / stride))]);
    pooled.numbers().forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 12);
    });
  },
);
