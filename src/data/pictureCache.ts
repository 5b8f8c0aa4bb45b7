/**
 * @file Decoded samples kept in memory up to a limit, since decoding costs more than augmenting. When full, what is in stays: with a
 * pass over all samples in each epoch, throwing out the oldest would keep nothing that is needed next.
 */

import { loadSample } from './sample.ts';
import type { DataSet, LabelledPicture, Sample } from './types.ts';

/** Loads samples of one data set, from memory where it can. */
export interface PictureCache {
  load(sample: Sample): Promise<LabelledPicture>;
  /** Bytes held now. */
  readonly bytes: number;
}

/** Creates a cache that holds at most `limitBytes` of decoded samples. */
export function createPictureCache(dataset: Pick<DataSet, 'labelMap' | 'classes'>, limitBytes: number): PictureCache {
  const held = new Map<string, LabelledPicture>();
  let bytes = 0;
  return {
    get bytes() {
      return bytes;
    },
    async load(sample) {
      const known = held.get(sample.id);
      if (known !== undefined) return known;
      const picture = await loadSample(dataset, sample);
      const size = picture.image.byteLength + picture.label.byteLength;
      if (bytes + size <= limitBytes && !held.has(sample.id)) {
        held.set(sample.id, picture);
        bytes += size;
      }
      return picture;
    },
  };
}
