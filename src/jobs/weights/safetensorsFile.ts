/**
 * @file A safetensors file of a stranger: its header is read and checked first, then only those tensors that are asked for. A file of any length costs no
 * more than its header until then.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { DataError } from '../../base/errors.ts';
import { headLength, readIndex, type SafetensorsIndex, type StoredTensor } from '../../run/safetensors.ts';

/** An open file. */
export interface SafetensorsFile extends Pick<SafetensorsIndex, 'places' | 'metadata'> {
  /** Reads one tensor. @throws DataError when there is none of this name, or the file has become shorter. */
  read(name: string): StoredTensor;
  close(): void;
}

/** @throws DataError naming the file for anything that is not a strictly valid file, or is no file at all. */
export function openSafetensors(path: string): SafetensorsFile {
  const file = openFile(path);
  try {
    const fileBytes = fstatSync(file).size;
    const first = readAt(file, path, 0, Math.min(8, fileBytes));
    const head = readAt(file, path, 0, headLength(first, fileBytes, path));
    const { places, metadata, dataStart } = readIndex(head, fileBytes, path);
    return {
      places,
      metadata,
      read(name) {
        const place = places.get(name);
        if (place === undefined) throw new DataError(`${path}: has no tensor "${name}"`);
        const { dtype, shape, begin, end } = place;
        return { dtype, shape, data: readAt(file, path, dataStart + begin, end - begin) };
      },
      close: () => closeSync(file),
    };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** A descriptor of a regular file: a pipe would wait for a writer that never appears. */
function openFile(path: string): number {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    throw new DataError(
      `${path}: cannot be read (${(error as NodeJS.ErrnoException).code})`,
      'give a safetensors file',
    );
  }
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw new DataError(`${path}: expected a file, got a folder, a pipe or a device`, 'give a safetensors file');
}

/** `length` bytes from `offset`, at an address that suits every kind of number. */
function readAt(file: number, path: string, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const count = readSync(file, bytes, done, length - done, offset + done);
    if (count === 0)
      throw new DataError(`${path}: expected ${length} bytes at offset ${offset}, got ${done}`, 'the file has changed');
    done += count;
  }
  return bytes;
}
