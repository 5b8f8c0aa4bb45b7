/**
 * @file Tensors to and from checkpoints: the engine's on one side, bytes with a dtype and a shape on the other.
 */
import { DataError } from '../../base/errors.ts';
import { noGrad } from '../../engine/autograd.ts';
import * as op from '../../engine/operators.ts';
import { fromArray, scope, type Tensor, type TypedArray } from '../../engine/tensor.ts';
import type { StoredDtype, StoredTensor } from '../../run/safetensors.ts';

/** Copies tensors out, each name behind `prefix`. */
export function storeTensors(tensors: ReadonlyMap<string, Tensor>, prefix = ''): Record<string, StoredTensor> {
  const stored: Record<string, StoredTensor> = {};
  for (const [name, tensor] of tensors) {
    const array = tensor.data();
    const data = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    stored[prefix + name] = { dtype: tensor.dtype as StoredDtype, shape: [...tensor.shape], data };
  }
  return stored;
}

/**
 * Copies stored values into existing tensors of the same names.
 * @throws DataError when a name is missing or has another dtype or shape.
 */
export function restoreTensors(
  tensors: ReadonlyMap<string, Tensor>,
  stored: Record<string, StoredTensor>,
  prefix = '',
): void {
  requireSameTensors(tensors, stored, prefix);
  noGrad(() =>
    scope(() => {
      for (const [name, tensor] of tensors) op.copyInto(tensor, loadTensor(stored[prefix + name]));
    }),
  );
}

/** @throws DataError when a name is missing or has another dtype or shape. */
export function requireSameTensors(
  tensors: ReadonlyMap<string, Tensor>,
  stored: Readonly<Record<string, StoredTensor>>,
  prefix = '',
): void {
  for (const [name, tensor] of tensors) {
    const found = Object.hasOwn(stored, prefix + name) ? stored[prefix + name] : undefined;
    if (found === undefined)
      throw new DataError(`the checkpoint has no tensor "${prefix + name}"`, 'it belongs to another network');
    if (found.dtype !== tensor.dtype || found.shape.join() !== tensor.shape.join())
      throw new DataError(
        `tensor "${prefix + name}" is ${found.dtype} [${found.shape.join(', ')}] in the checkpoint and ${tensor.dtype} [${tensor.shape.join(', ')}] here`,
        'it belongs to another network',
      );
  }
}

/** A stored tensor as a new one on the CPU. */
export const loadTensor = (stored: StoredTensor): Tensor => fromArray(typed(stored), stored.shape, stored.dtype);

/** Bytes as an array of the dtype's own elements; copied, since a file's bytes need not be aligned. */
function typed({ dtype, data }: StoredTensor): TypedArray {
  const { buffer } = Uint8Array.from(data);
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer);
    case 'float64':
      return new Float64Array(buffer);
    case 'int64':
      return new BigInt64Array(buffer);
    case 'int32':
      return new Int32Array(buffer);
    case 'float16':
    case 'bfloat16':
      return new Uint16Array(buffer);
    default:
      return new Uint8Array(buffer);
  }
}
