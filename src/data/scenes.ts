/** @file stub */
import type { LabelledPicture } from './types.ts';
export function paintScene(_s: number, width: number, height: number): LabelledPicture {
  return { width, height, image: new Uint8Array(width * height * 3), label: new Uint8Array(width * height) };
}
