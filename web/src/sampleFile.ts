/** @file Fetches a volume of a run and unpacks it, no further than the largest that Espalier writes. */
import { MOST_SAMPLE_BYTES, parseSampleVolume, type SampleVolume } from '../../src/data/sampleVolume.ts';

/** The volume at an address; undefined when there is none. @throws DataError when it is no volume of a run. */
export async function fetchVolume(address: string, file: string): Promise<SampleVolume | undefined> {
  const answer = await fetch(address);
  if (answer.status === 404) return undefined;
  if (!answer.ok || answer.body === null) throw new Error(`the server answered ${answer.status}`);
  return parseSampleVolume(await unpacked(answer.body, file), file);
}

/** The bytes of a gzip file. */
async function unpacked(body: ReadableStream<Uint8Array<ArrayBuffer>>, file: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  const reader = body.pipeThrough(new DecompressionStream('gzip')).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    pieces.push(part.value);
    length += part.value.length;
    if (length > MOST_SAMPLE_BYTES) {
      await reader.cancel();
      throw new Error(`${file}: is larger than any volume of a run`);
    }
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
