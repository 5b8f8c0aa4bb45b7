/**
 * @file YOLO segmentation: a text file for each image, a line `class x1 y1 x2 y2 ...` for each polygon, in shares of the sides. The smaller polygon lies
 * on top, as Ultralytics draws them; an image without a file, or with an empty one, shows background.
 * @see https://docs.ultralytics.com/datasets/segment/
 */
import { DataError } from '../../../base/errors.ts';
import { showShort } from '../../../base/text.ts';
import { linesOf } from '../../../base/textFile.ts';

/** A polygon of a class by its number. */
export interface NumberedPolygon {
  number: number;
  ring: number[];
}

/** The polygons of a text file, and how many boxes it holds (lines of four numbers). @throws DataError that names the line */
export function parseYolo(text: string, file: string): { polygons: NumberedPolygon[]; boxes: number } {
  const polygons: NumberedPolygon[] = [];
  let boxes = 0;
  for (const [n, line] of linesOf(text, file).entries()) {
    if (line.trim() === '') continue;
    const [number, ...ring] = line.trim().split(/\s+/).map(Number);
    if (Number.isInteger(number) && ring.length === 4 && ring.every(Number.isFinite)) {
      boxes++;
      continue;
    }
    const isValid = Number.isInteger(number) && number >= 0 && ring.length >= 6 && ring.length % 2 === 0;
    if (!isValid || !ring.every((value) => value >= -1 && value <= 2))
      throw new DataError(
        `${file}:${n + 1}: expected a class and the points of a polygon from 0 to 1, got ${showShort(line)}`,
        'a line is such as 0 0.1 0.1 0.9 0.1 0.5 0.9: export the polygons again',
      );
    polygons.push({ number, ring });
  }
  return { polygons, boxes };
}

/** The names of `classes.txt`, one a line. */
export const parseClassList = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
