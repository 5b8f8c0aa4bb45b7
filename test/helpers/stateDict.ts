/** @file A state dict in torchvision's naming, of a narrow ResNet-50, as safetensors. */
import { writeFileSync } from 'node:fs';
import { createRandom } from '../../src/base/random.ts';
import { type StoredTensor, writeSafetensors } from '../../src/run/safetensors.ts';

/** Blocks of the four stages. */
const BLOCKS = [3, 4, 6, 3] as const;

/** A float32 tensor of random values in [-1, 1). */
export function randomTensor(shape: readonly number[], seed: number): StoredTensor {
  const random = createRandom(seed);
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 2 * random.uniform() - 1);
  return { dtype: 'float32', shape, data: new Uint8Array(values.buffer) };
}

/** The values of a float32 tensor. */
export const valuesOf = ({ data }: StoredTensor): number[] => [...new Float32Array(Uint8Array.from(data).buffer)];

/** The tensors of a ResNet-50 whose stem has `filters` channels, with its classifier, as torchvision names them. */
export function resnetStateDict(filters: number, channels = 3): Record<string, StoredTensor> {
  const tensors: Record<string, StoredTensor> = {};
  const add = (name: string, shape: readonly number[]) => {
    tensors[name] = randomTensor(shape, Object.keys(tensors).length);
  };
  const norm = (name: string, width: number) => {
    for (const tensor of ['weight', 'bias', 'running_mean', 'running_var']) add(`${name}.${tensor}`, [width]);
    tensors[`${name}.num_batches_tracked`] = { dtype: 'int64', shape: [], data: new Uint8Array(8) };
  };
  add('conv1.weight', [filters, channels, 7, 7]);
  norm('bn1', filters);
  let inputs = filters;
  BLOCKS.forEach((blocks, stage) => {
    const planes = filters * 2 ** stage;
    for (let block = 0; block < blocks; block++) {
      const path = `layer${stage + 1}.${block}`;
      add(`${path}.conv1.weight`, [planes, inputs, 1, 1]);
      norm(`${path}.bn1`, planes);
      add(`${path}.conv2.weight`, [planes, planes, 3, 3]);
      norm(`${path}.bn2`, planes);
      add(`${path}.conv3.weight`, [4 * planes, planes, 1, 1]);
      norm(`${path}.bn3`, 4 * planes);
      if (block === 0) {
        add(`${path}.downsample.0.weight`, [4 * planes, inputs, 1, 1]);
        norm(`${path}.downsample.1`, 4 * planes);
      }
      inputs = 4 * planes;
    }
  });
  add('fc.weight', [10, inputs]);
  add('fc.bias', [10]);
  return tensors;
}

/** Writes tensors to a file, which it returns. */
export function writeTensors(path: string, tensors: Record<string, StoredTensor>): string {
  writeFileSync(path, writeSafetensors(tensors));
  return path;
}
