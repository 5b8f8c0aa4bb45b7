/** What a file holds and how. */
export interface BandTiff {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** `[height, width, channels]`. */
  readonly data: Uint8Array | Uint16Array | Float32Array;
  readonly order?: 'little' | 'big';
  /** Rows of a strip, or the side of a square tile (a multiple of 16). */
  readonly blocks?: { readonly rows: number } | { readonly tile: number };
  /** Channels in planes one after the other instead of pixel by pixel. */
  readonly planes?: boolean;
  readonly compression?: 'none' | 'lzw' | 'deflate';
  /** 1 black is zero, 2 RGB; default 1. */
  readonly photometric?: 1 | 2;
  /** What the samples beyond grey or RGB are; 0 by default, 1 and 2 are alpha. */
  readonly extra?: readonly number[];
  readonly orientation?: number;
}

/** The bytes of the file. */
export function encodeBandTiff(content: BandTiff): Buffer;

/** LZW as TIFF 6.0 has it. */
export function encodeLzw(bytes: Uint8Array): Buffer;
