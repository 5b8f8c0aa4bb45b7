/**
 * @file Reads the metadata of an ONNX file from its bytes; runtimes in the browser do not hand it out. Skips weights without touching them.
 */
import { PbfReader } from 'pbf';
import { DataError } from '../base/errors.ts';
import { type ModelMetadata, parseMetadata } from './metadata.ts';

/** What the model says about itself; `file` is named in errors. @throws DataError when the bytes are no model of espalier's. */
export function readModelMetadata(bytes: Uint8Array, file: string): ModelMetadata {
  let entries: Entries;
  try {
    entries = new PbfReader(bytes).readFields(readModelField, { values: {}, count: 0 });
  } catch (error) {
    throw new DataError(`${file}: is no ONNX model (${(error as Error).message})`);
  }
  return parseMetadata(entries.values, file);
}

/** Metadata so far. */
interface Entries {
  readonly values: Record<string, string>;
  count: number;
}

/** Entries of metadata, and characters of each, that a model may have; the export writes a dozen. */
const MOST_ENTRIES = 1000;
const LONGEST_ENTRY = 2 ** 24;

/** `ModelProto.metadata_props` is field 14, of messages with key 1 and value 2. */
function readModelField(tag: number, entries: Entries, pbf: PbfReader): void {
  if (tag !== 14) return;
  const { key, value } = pbf.readMessage(
    (field, entry) => {
      if (field === 1) entry.key = pbf.readString();
      else if (field === 2) entry.value = pbf.readString();
    },
    { key: '', value: '' },
  );
  if (value.length > LONGEST_ENTRY || ++entries.count > MOST_ENTRIES)
    throw new Error(`expected at most ${MOST_ENTRIES} entries of metadata of ${LONGEST_ENTRY} characters, got more`);
  entries.values[key] = value;
}
