/**
 * @file The stored tensors of a network, by the paths of its nodes, as numbers.
 */
import { DataError } from '../../base/errors.ts';
import type { StoredTensor } from '../../run/safetensors.ts';

/** Weights by name. */
export interface Weights {
  /** @throws DataError when there is no such tensor, or it holds no 32-bit numbers. */
  get(name: string): { readonly shape: readonly number[]; readonly data: Float32Array };
  numbers(name: string): Float32Array;
}

/** The tensors of a network, such as those of a checkpoint behind its prefix. */
export function readWeights(tensors: Readonly<Record<string, StoredTensor>>): Weights {
  const get = (name: string) => {
    const tensor = tensors[name];
    if (tensor === undefined) throw new DataError(`the weights hold no "${name}"`, 'they belong to another network');
    if (tensor.dtype !== 'float32')
      throw new DataError(`"${name}" is ${tensor.dtype}`, 'weights are exported from float32');
    const { data, shape } = tensor;
    return { shape, data: new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4) };
  };
  return { get, numbers: (name) => get(name).data };
}
