/**
 * @file Bytes of a file that may be compressed with gzip, as many as its first bytes claim: what cannot be true is refused before memory
 * is taken, and a damaged end is noticed.
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { DataError } from '../../base/errors.ts';
import { formatBytes } from '../../base/text.ts';

/** Deflate makes no more than this of one byte. */
const LARGEST_RATIO = 1032;

/** Most bytes after those that are wanted which are decompressed to reach the end: a bomb has more. */
const LARGEST_REST = 64 * 2 ** 20;

/** How much to read. */
export interface ByteRequest {
  /** Bytes in which `measure` finds what it needs; a shorter file gives what it has. */
  headBytes: number;
  /** From the first bytes of the file: how many are wanted, and the memory that all work on them takes. */
  measure(head: Uint8Array): { bytes: number; memoryBytes: number };
  /** Most memory that the work may take. */
  limitBytes: number;
}

/**
 * The first bytes, as many as `measure` says, of a file after decompression. Throws a `DataError` that names the file: unreadable, truncated,
 * damaged, shorter than it claims, much longer after decompression, or larger than the limit.
 */
export async function readBytes(file: string, request: ByteRequest): Promise<Buffer> {
  const { size, compressed } = await inspect(file);
  const source = createReadStream(file, { highWaterMark: 1 << 18 });
  // The callback is for the stream's error handling alone: the loop below sees the same error.
  const stream = compressed ? pipeline(source, createGunzip({ chunkSize: 1 << 18 }), () => undefined) : source;
  let head = Buffer.alloc(0);
  let result: Buffer | undefined;
  let filled = 0;
  let seen = 0;
  const begin = (): Buffer => {
    const { bytes, memoryBytes } = request.measure(head);
    const most = compressed ? size * LARGEST_RATIO : size;
    if (!(bytes <= most)) {
      throw new DataError(
        `${file}: its header claims ${formatBytes(bytes)}, the file holds ${formatBytes(most)} at most`,
        'the file is truncated or its header damaged: fetch or copy it again',
      );
    }
    if (memoryBytes > request.limitBytes) {
      throw new DataError(
        `${file}: takes ${formatBytes(memoryBytes)} of memory, the limit is ${formatBytes(request.limitBytes)}`,
        'crop or resample the volume, or use a machine with more memory',
      );
    }
    return Buffer.allocUnsafeSlow(bytes);
  };
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      let rest = chunk;
      if (result === undefined) {
        head = Buffer.concat([head, chunk]);
        if (head.length < request.headBytes) continue;
        result = begin();
        rest = head;
      }
      filled += rest.copy(result, filled);
      seen += chunk.length;
      if (seen > result.length + LARGEST_REST) {
        throw new DataError(
          `${file}: continues for more than ${formatBytes(LARGEST_REST)} after the ${formatBytes(result.length)} that its header claims`,
          'the header or the compressed data are damaged: fetch or copy the file again',
        );
      }
      // What follows the samples is of no use; compressed, its end still shows whether all of it is sound.
      if (filled === result.length && !compressed) break;
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const reason =
      code === 'Z_BUF_ERROR' ? 'its gzip data ends early: the file is truncated' : `cannot be read (${message})`;
    throw new DataError(`${file}: ${reason}`, 'fetch or copy the file again');
  }
  if (result === undefined) {
    result = begin();
    filled = head.copy(result);
  }
  if (filled < result.length) {
    throw new DataError(
      `${file}: ends after ${filled} of the ${result.length} bytes that its header claims`,
      'fetch or copy the file again',
    );
  }
  return result;
}

async function inspect(file: string): Promise<{ size: number; compressed: boolean }> {
  try {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
      const { size } = await handle.stat();
      return { size, compressed: bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b };
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new DataError(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
