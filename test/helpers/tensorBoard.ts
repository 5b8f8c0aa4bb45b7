/** @file TensorBoard's event files, read by an independent decoder (protobufjs) from the published message definitions; every checksum is checked. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { expect } from 'vitest';

/** tensorflow/core/util/event.proto, framework/summary.proto and histogram.proto, as far as TensorBoard reads them here. */
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Image { int32 height = 1; int32 width = 2; int32 colorspace = 3; bytes encoded_image_string = 4; }
  message HistogramProto {
    double min = 1; double max = 2; double num = 3; double sum = 4; double sum_squares = 5;
    repeated double bucket_limit = 6 [packed = true]; repeated double bucket = 7 [packed = true];
  }
  message Value { string tag = 1; oneof value { float simple_value = 2; Image image = 4; HistogramProto histo = 5; } }
  message Summary { repeated Value value = 1; }
  message SessionLog { enum SessionStatus { UNSPECIFIED = 0; START = 1; STOP = 2; } SessionStatus status = 1; }
  message Event { double wall_time = 1; int64 step = 2; oneof what { string file_version = 3; Summary summary = 5; SessionLog session_log = 7; } }
`);
const EventMessage = root.lookupType('Event');

interface Decoded {
  readonly wallTime: number;
  readonly step?: number;
  readonly fileVersion?: string;
  readonly sessionLog?: { status: string };
  readonly summary?: {
    value: {
      tag: string;
      simpleValue?: number;
      histo?: {
        min: number;
        max: number;
        num: number;
        sum: number;
        sumSquares: number;
        bucketLimit: number[];
        bucket: number[];
      };
      image?: { width: number; height: number; encodedImageString: Uint8Array };
    }[];
  };
}

/** CRC-32C bit by bit, from its definition. */
export function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes)
    for (let bit = 0; bit < 8; bit++) {
      const isOdd = ((crc ^ (byte >> bit)) & 1) === 1;
      crc = (crc >>> 1) ^ (isOdd ? 0x82f63b78 : 0);
    }
  return ~crc >>> 0;
}

/** The checksum behind the one that a record carries. */
export const unmask = (masked: number): number => {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated << 15) | (rotated >>> 17)) >>> 0;
};

/** The events of a file. */
export function readTensorBoard(path: string): Decoded[] {
  const bytes = readFileSync(path);
  const events: Decoded[] = [];
  for (let place = 0; place < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(place));
    expect(unmask(bytes.readUInt32LE(place + 8))).toBe(slowCrc32c(bytes.subarray(place, place + 8)));
    const content = bytes.subarray(place + 12, place + 12 + length);
    expect(unmask(bytes.readUInt32LE(place + 12 + length))).toBe(slowCrc32c(content));
    const options = { longs: Number, enums: String };
    events.push(EventMessage.toObject(EventMessage.decode(content), options) as Decoded);
    place += 16 + length;
  }
  return events;
}

/** The files of a run, in order. */
export const tensorBoardFiles = (folder: { readonly path: string }): string[] =>
  readdirSync(folder.path)
    .filter((name) => name.startsWith('events.out.tfevents.'))
    .sort()
    .map((name) => join(folder.path, name));
