/**
 * @file Exported models in Node, on onnxruntime-node. With `runtime.ts` the only file of its folder that knows Node; libtorch is not needed.
 */
import { readFile } from 'node:fs/promises';
import { DataError } from '../base/errors.ts';
import { loadRuntime } from './runtime.ts';
import { createSegmenter, type Segmenter } from './segmenter.ts';

/**
 * Opens an ONNX file that `espalier export` wrote.
 * @param threads threads of the processor; 0 takes all.
 */
export async function openModel(file: string, { threads = 0 }: { threads?: number } = {}): Promise<Segmenter> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw new DataError(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code})`, 'give an ONNX file');
  }
  return createSegmenter(await loadRuntime(), bytes, file, sessionOptions(threads));
}

/** Settings of a session on the processor. */
export const sessionOptions = (threads: number) => ({ intraOpNumThreads: threads, executionProviders: ['cpu'] });
