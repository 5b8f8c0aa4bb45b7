/**
 * @file Samples ready for augmentation kept in memory up to a limit, since decoding and preparing cost more than augmenting. When full,
 * what is in stays: with a pass over all samples in each epoch, throwing out the oldest would keep nothing that is needed next.
 */
import type { Sample } from '../types.ts';

/** Loads samples, from memory where it can. */
export interface SampleCache<Loaded> {
  load(sample: Sample): Promise<Loaded>;
  /** Bytes held now. */
  readonly bytes: number;
}

/** Creates a cache over `load` that holds at most `limitBytes`, by the sizes that `bytesOf` states. */
export function createSampleCache<Loaded>(
  load: (sample: Sample) => Promise<Loaded>,
  bytesOf: (loaded: Loaded) => number,
  limitBytes: number,
): SampleCache<Loaded> {
  const held = new Map<string, Loaded>();
  let bytes = 0;
  return {
    get bytes() {
      return bytes;
    },
    async load(sample) {
      const known = held.get(sample.id);
      if (known !== undefined) return known;
      const loaded = await load(sample);
      const size = bytesOf(loaded);
      if (bytes + size <= limitBytes && !held.has(sample.id)) {
        held.set(sample.id, loaded);
        bytes += size;
      }
      return loaded;
    },
  };
}
