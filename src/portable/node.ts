/**
 * @file Exported models in Node, on onnxruntime-node. With `runtime.ts` and `shipped.ts` the only files of their folder that know Node;
 * libtorch is not needed.
 */
import { readFile } from 'node:fs/promises';
import { DataError } from '../base/errors.ts';
import { loadRuntime } from './runtime.ts';
import { createSegmenter, type Segmenter } from './segmenter.ts';
import { isShipped, readShipped } from './shipped.ts';

/**
 * Opens an ONNX file that `espalier export` wrote, or a network of the package by its name, such as `nuclei`.
 * @param threads threads of the processor; 0 takes all.
 */
export async function openModel(file: string, { threads = 0 }: { threads?: number } = {}): Promise<Segmenter> {
  const bytes = isShipped(file) ? readShipped(file) : await readModel(file);
  return createSegmenter(await loadRuntime(), bytes, file, sessionOptions(threads));
}

async function readModel(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new DataError(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code})`, 'give an ONNX file');
  }
}

/** Settings of a session on the processor. */
export const sessionOptions = (threads: number) => ({ intraOpNumThreads: threads, executionProviders: ['cpu'] });
