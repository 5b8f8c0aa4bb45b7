/**
 * @file What the names of samples say about which of them belong together: frames of a sequence, images of one patient, two eyes of one person.
 */

/** The frames of a sequence in the order of their numbers. */
export interface FramesOf {
  /** What their names have in common. */
  readonly name: string;
  readonly ids: readonly string[];
}

/** So many numbered names with one prefix are a sequence. */
const FEWEST_IN_SEQUENCE = 24;

/** Ids whose stems end in a counter, by the prefix, where a prefix has at least 24; and those that belong to no sequence. */
export function sequencesOf(ids: readonly string[]): { sequences: FramesOf[]; single: string[] } {
  const byPrefix = new Map<string, { id: string; counter: number }[]>();
  for (const id of ids) {
    const { prefix, counter } = partsOf(id);
    if (counter !== undefined) byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), { id, counter }]);
  }
  const sequences = [...byPrefix]
    .filter(([, frames]) => frames.length >= FEWEST_IN_SEQUENCE)
    .map(([name, frames]) => ({
      name,
      ids: frames.sort((a, b) => a.counter - b.counter || (a.id < b.id ? -1 : 1)).map(({ id }) => id),
    }));
  const inSequence = new Set(sequences.flatMap((sequence) => sequence.ids));
  return { sequences, single: ids.filter((id) => !inSequence.has(id)) };
}

/**
 * What a sample belongs to: `patient012` of `patient012_frame01`, where a number stands before the last one; `Image_01` of `Image_01L`, whose end sets
 * two images of one person apart; otherwise its own name.
 */
export function unitOf(id: string): string {
  const { prefix, digits, counter } = partsOf(id);
  if (counter === undefined) return id;
  const before = prefix.slice(prefix.lastIndexOf('/') + 1);
  return /\d/.test(before) ? prefix.replace(/[^\p{L}\p{N}]*\p{L}*[^\p{L}\p{N}]*$/u, '') || prefix : prefix + digits;
}

/** An id as what stands before its last number, and that number. Names of hexadecimal digits have no counter. */
function partsOf(id: string): { prefix: string; digits: string; counter?: number } {
  const stem = id.slice(id.lastIndexOf('/') + 1);
  const match = /^(.*?)(\d+)(\D*)$/.exec(id);
  if (!match || /^[0-9a-f]{16,}$/i.test(stem)) return { prefix: id, digits: '' };
  const [, prefix, digits] = match;
  return { prefix, digits, counter: Number(digits) };
}
